//! Prompts that are as long as they say, counted by the library itself with all that the module does taken away.

use std::path::Path;

use proptest::prelude::*;
use serde_json::Value;

use super::trained::Kind;
use super::*;
use crate::recorded::RecordedPrompts;
use crate::spec::{FileFormat, TokenCount, TraceRequest};

/// Counts as somebody else would.
struct Counter(tokenizers::Tokenizer);

impl Counter {
    fn new(path: &Path) -> Self {
        let mut tokenizer = tokenizers::Tokenizer::from_file(path).unwrap();
        tokenizer.with_truncation(None).unwrap().with_padding(None);
        Self(tokenizer)
    }

    fn count(&self, text: &str) -> usize {
        self.0.encode(text, false).unwrap().len()
    }
}

fn text_of(prompt: &Value) -> &str {
    let text = if prompt.is_string() {
        prompt
    } else {
        &prompt[0]["content"]
    };
    text.as_str().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn every_request_has_exactly_the_tokens_it_plans(
        seed: u64,
        nonce: bool,
        shared in 0_u32..100,
        stddev in 0.0..60.0_f64,
        requests in proptest::collection::vec(any::<u64>(), 40),
    ) {
        let directory = tempfile::tempdir().unwrap();
        for kind in Kind::ALL {
            let path = kind.save(directory.path());
            let counter = Counter::new(&path);
            let prompts = Prompts {
                source: PromptSource::Synthetic {
                    input_tokens: TokenCount::Normal { mean: 120.0, stddev, min: shared.max(1), max: 300 },
                    shared_prefix_tokens: shared,
                },
                tokenizer: Some(path),
                ..synthetic(1, 0, nonce)
            };
            let set = PromptSet::generate(&prompts, Dialect::Chat, seed, Some(24)).unwrap();
            for request in requests.iter().copied().chain(0..24) {
                let planned = set.of_request(request).unwrap().1.input_planned.unwrap();
                let prompt = render(&set, request);
                prop_assert_eq!(counter.count(text_of(&prompt)), planned as usize, "{:?}: {}", kind, prompt);
            }
        }
    }
}

#[test]
fn few_tokens_and_nothing_but_the_prefix_are_exact_too() {
    let directory = tempfile::tempdir().unwrap();
    for kind in Kind::ALL {
        let path = kind.save(directory.path());
        let counter = Counter::new(&path);
        for (input, shared) in [(1, 0), (13, 0), (70, 70), (71, 70), (200, 70)] {
            let prompts = Prompts {
                tokenizer: Some(path.clone()),
                ..synthetic(input, shared, true)
            };
            let set = PromptSet::generate(&prompts, Dialect::Generate, 5, Some(20)).unwrap();
            let (a, b) = (render(&set, 3), render(&set, 23));
            assert_eq!(counter.count(text_of(&a)), input as usize, "{kind:?} {a}");
            assert_eq!(counter.count(text_of(&b)), input as usize, "{kind:?} {b}");
        }
    }
}

#[test]
fn prompts_of_a_trace_are_exact_too() {
    let directory = tempfile::tempdir().unwrap();
    let requests: Vec<TraceRequest> = [(1, 0), (30, 1), (64, 2), (75, 3), (500, 4)]
        .map(|(tokens, blocks)| TraceRequest {
            at: 0,
            input_tokens: Some(tokens),
            output_tokens: None,
            blocks: (0..blocks).collect(),
        })
        .into();
    for (kind, nonce) in Kind::ALL
        .into_iter()
        .flat_map(|kind| [(kind, false), (kind, true)])
    {
        let path = kind.save(directory.path());
        let counter = Counter::new(&path);
        let prompts = Prompts {
            tokenizer: Some(path),
            ..synthetic(1, 0, nonce)
        };
        let set = PromptSet::generate(&prompts, Dialect::Generate, 5, Some(1)).unwrap();
        let lexicon = Arc::clone(set.lexicon());
        let recorded = RecordedPrompts::new(
            requests.as_slice().into(),
            32,
            Dialect::Generate,
            nonce,
            5,
            lexicon,
        );
        for (index, tokens) in requests
            .iter()
            .filter_map(|request| request.input_tokens)
            .enumerate()
        {
            let mut json = Vec::new();
            recorded.write(index as u64, tokens, &mut json);
            let text: String = serde_json::from_slice(&json).unwrap();
            assert_eq!(counter.count(&text), tokens as usize, "{kind:?} {text}");
        }
    }
}

#[test]
fn the_hash_is_that_of_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = Kind::WordPiece.save(directory.path());
    let prompts = Prompts {
        tokenizer: Some(path.clone()),
        ..synthetic(4, 0, true)
    };
    let set = PromptSet::generate(&prompts, Dialect::Generate, 5, Some(1)).unwrap();
    let output = std::process::Command::new("sha256sum")
        .arg(&path)
        .output()
        .unwrap();
    let expected = String::from_utf8(output.stdout).unwrap();
    assert_eq!(set.tokenizer_hash(), expected.split_whitespace().next());
    let estimated = PromptSet::generate(&synthetic(4, 0, true), Dialect::Generate, 5, Some(1)).unwrap();
    assert_eq!(estimated.tokenizer_hash(), None);
}

#[test]
fn what_is_no_tokenizer_or_too_poor_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let generate = |name: &str, content: Option<&str>| {
        let path = directory.path().join(name);
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let prompts = Prompts {
            tokenizer: Some(path),
            ..synthetic(4, 0, true)
        };
        PromptSet::generate(&prompts, Dialect::Generate, 5, Some(1)).unwrap_err()
    };
    let missing = generate("missing.json", None);
    assert!(
        matches!(
            &missing,
            PromptError::Read {
                what: "tokenizer",
                ..
            }
        ),
        "{missing}"
    );
    for content in ["", "{}", "[1]", r#"{"model": {"type": "BPE"}}"#, "\u{1}"] {
        let wrong = generate("wrong.json", Some(content));
        assert!(matches!(wrong, PromptError::Tokenizer { .. }), "{wrong}");
    }
    let poor = r#"{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "a": 1, "b": 2}, "unk_token": "[UNK]"}}"#;
    let poor = generate("poor.json", Some(poor));
    assert!(matches!(poor, PromptError::Vocabulary { .. }), "{poor}");
}

#[test]
fn prompts_of_files_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    let tokenizer = Kind::ByteLevelBpe.save(directory.path());
    let counter = Counter::new(&tokenizer);
    let lines = concat!(
        r#"{"prompt": "Überall is a word, and 17 more.\n"}"#,
        "\n",
        r#"{"messages": [{"role": "system", "content": [{"type": "text", "text": "be"}]}, {"role": "user", "content": "why x"}]}"#,
    );
    let path = directory.path().join("prompts");
    std::fs::write(&path, lines).unwrap();
    let mut prompts = Prompts {
        source: PromptSource::File {
            path: path.clone(),
            format: FileFormat::JsonLines,
            salt: false,
        },
        tokenizer: Some(tokenizer),
        ..synthetic(1, 0, false)
    };
    let planned = |prompts: &Prompts| -> Vec<(Option<u32>, u32)> {
        let set = PromptSet::generate(prompts, Dialect::Chat, 1, None).unwrap();
        let of = |request| set.of_request(request).unwrap().1;
        (0..set.len() as u64)
            .map(|request| (of(request).input_planned, of(request).output_planned))
            .collect()
    };
    let first = counter.count("Überall is a word, and 17 more.\n") as u32;
    let second = (counter.count("be") + counter.count("why x")) as u32;
    assert_eq!(planned(&prompts), [(Some(first), 9), (Some(second), 9)]);

    let salted = Prompts {
        source: PromptSource::File {
            path: path.clone(),
            format: FileFormat::JsonLines,
            salt: true,
        },
        ..prompts.clone()
    };
    let set = PromptSet::generate(&salted, Dialect::Chat, 1, None).unwrap();
    let counted = counter.count(text_of(&render(&set, 0))) as u32;
    assert!(counted > first, "{counted} with a salt, {first} without");
    assert_eq!(planned(&salted)[0], (Some(counted), 9));

    prompts.nonce = true;
    let set = PromptSet::generate(&prompts, Dialect::Chat, 1, None).unwrap();
    for request in [0, 2, 400] {
        let counted = counter.count(text_of(&render(&set, request))) as u32;
        assert_eq!(set.of_request(request).unwrap().1.input_planned, Some(counted));
    }

    let conversation = r#"[{"conversations": [{"from": "human", "value": "why"}, {"from": "gpt", "value": "because it is"}]}]"#;
    std::fs::write(&path, conversation).unwrap();
    prompts.source = PromptSource::File {
        path,
        format: FileFormat::Sharegpt,
        salt: false,
    };
    prompts.nonce = false;
    let (question, answer) = (counter.count("why") as u32, counter.count("because it is") as u32);
    assert_eq!(planned(&prompts), [(Some(question), answer)]);
}
