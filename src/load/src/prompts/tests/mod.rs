mod exact;
mod trained;

use std::io::Write as _;

use serde_json::Value;

use super::*;
use crate::spec::{FileFormat, TokenCount};

fn synthetic(input: u32, shared_prefix_tokens: u32, nonce: bool) -> Prompts {
    Prompts {
        source: PromptSource::Synthetic {
            input_tokens: TokenCount::Fixed(input),
            shared_prefix_tokens,
        },
        output_tokens: TokenCount::Fixed(9),
        nonce,
        tokenizer: None,
    }
}

fn render(set: &PromptSet, request: u64) -> Value {
    let (_, prompt) = set.of_request(request).unwrap();
    let mut json = prompt.head.to_vec();
    set.nonce(request).write(prompt.nonce_words, &mut json);
    json.extend_from_slice(&prompt.tail);
    serde_json::from_slice(&json).unwrap()
}

fn words(value: &Value) -> Vec<&str> {
    let text = if value.is_string() {
        value
    } else {
        &value[0]["content"]
    };
    text.as_str().unwrap().split_whitespace().collect()
}

#[test]
fn synthetic_prompts_have_the_words_they_plan() {
    for dialect in [
        Dialect::Chat,
        Dialect::Completions,
        Dialect::Generate,
        Dialect::OllamaChat,
    ] {
        for nonce in [true, false] {
            for input in [0, 1, 4, 5, 6, 64] {
                let set = PromptSet::generate(&synthetic(input, 0, nonce), dialect, 3, None).unwrap();
                assert_eq!(set.of_request(5).unwrap().1.input_planned, Some(input));
                assert_eq!(words(&render(&set, 5)).len(), input as usize);
            }
        }
    }
}

#[test]
fn shared_prefix_comes_first_and_the_nonce_after_it() {
    let set = PromptSet::generate(&synthetic(30, 10, true), Dialect::Chat, 3, None).unwrap();
    let (a, b) = (render(&set, 0), render(&set, set.len() as u64));
    let (a, b) = (words(&a), words(&b));
    assert_eq!(a[..10], b[..10]);
    assert_ne!(a[10..15], b[10..15]);
    // The same prompt again, but for the nonce.
    assert_eq!(a[15..], b[15..]);
    assert_ne!(a[15..], words(&render(&set, 1))[15..]);
}

#[test]
fn texts_have_no_blanks_around_them() {
    for (shared, nonce) in [(0, false), (0, true), (3, false), (3, true), (6, true)] {
        let set = PromptSet::generate(&synthetic(6, shared, nonce), Dialect::Generate, 3, Some(9)).unwrap();
        let text = render(&set, 8);
        let text = text.as_str().unwrap();
        assert_eq!(text, text.split_whitespace().collect::<Vec<_>>().join(" "));
    }
}

#[test]
fn no_more_prompts_are_made_than_there_are_requests() {
    let len = |requests| {
        let set = PromptSet::generate(&synthetic(6, 0, true), Dialect::Generate, 3, requests);
        set.unwrap().len()
    };
    assert_eq!([len(Some(9)), len(Some(5_000)), len(None)], [9, 5_000, 4_096]);
    assert_eq!(len(Some(1_000_000)), 16_384);
}

#[test]
fn same_seed_same_prompts() {
    let generate = |seed| PromptSet::generate(&synthetic(50, 5, true), Dialect::Chat, seed, None).unwrap();
    assert_eq!(render(&generate(1), 77), render(&generate(1), 77));
    assert_ne!(render(&generate(1), 77), render(&generate(2), 77));
}

#[test]
fn long_prompts_do_not_fill_the_memory() {
    let set = PromptSet::generate(&synthetic(500_000, 0, true), Dialect::Completions, 1, None).unwrap();
    assert!((16..100).contains(&set.len()), "{}", set.len());
}

fn from_file(text: &str, dialect: Dialect, nonce: bool) -> Result<PromptSet, PromptError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let source = PromptSource::File {
        path: file.path().to_owned(),
        format: FileFormat::JsonLines,
        salt: false,
    };
    let prompts = Prompts {
        source,
        output_tokens: TokenCount::Fixed(4),
        nonce,
        tokenizer: None,
    };
    PromptSet::generate(&prompts, dialect, 1, None)
}

#[test]
fn file_prompts_keep_their_text() {
    let text = concat!(
        r#"{"prompt": "say \"hi\"\n\u00e9", "id": 7}"#,
        "\n\n",
        r#"{"messages": [{"role": "system", "content": [{"type": "text", "text": "be"}]}, {"role": "user", "content": "x"}]}"#,
    );
    let set = from_file(text, Dialect::Chat, false).unwrap();
    assert_eq!(render(&set, 0)[0]["content"], "say \"hi\"\né");
    assert_eq!(render(&set, 1)[1]["content"], "x");
    let set = from_file(text, Dialect::Chat, true).unwrap();
    let content = render(&set, 2);
    let content = content[0]["content"].as_str().unwrap();
    assert!(
        content.ends_with(" say \"hi\"\né") && content.split(' ').count() == 7,
        "{content}"
    );
    let system = render(&set, 1);
    assert!(system[0]["content"][0]["text"].as_str().unwrap().ends_with(" be"));
    assert_eq!(set.of_request(0).unwrap().1.input_planned, None);
}

#[test]
fn a_salt_is_the_same_for_all_of_a_trial_and_another_one_for_the_next() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let text = concat!(
        r#"{"prompt": "say \"hi\""}"#,
        "\n",
        r#"{"messages": [{"role": "system", "content": [{"type": "text", "text": "be"}]}, {"role": "user", "content": "x"}]}"#,
    );
    file.write_all(text.as_bytes()).unwrap();
    let salts = |seed: u64| {
        let prompts = Prompts {
            source: PromptSource::File {
                path: file.path().to_owned(),
                format: FileFormat::JsonLines,
                salt: true,
            },
            ..synthetic(1, 0, false)
        };
        let set = PromptSet::generate(&prompts, Dialect::Chat, seed, None).unwrap();
        // The third request asks the first prompt again.
        let asked: Vec<String> = [0, 2]
            .map(|request| render(&set, request)[0]["content"].as_str().unwrap().to_owned())
            .to_vec();
        assert_eq!(asked[0], asked[1]);
        let messages = render(&set, 1);
        assert_eq!(messages[1]["content"], "x");
        let salt = asked[0].strip_suffix(" say \"hi\"").unwrap().to_owned();
        let system = messages[0]["content"][0]["text"].as_str().unwrap();
        assert_eq!(system.strip_suffix(" be"), Some(salt.as_str()));
        assert!(salt.split(' ').count() > 2, "{salt}");
        salt
    };
    let first = salts(1);
    assert_eq!(first, salts(1));
    assert_ne!(first, salts(2));
}

#[test]
fn a_line_may_say_how_long_its_answer_is() {
    let text = r#"{"prompt": "a"}
{"prompt": "b", "output_tokens": 77}"#;
    let set = from_file(text, Dialect::Chat, false).unwrap();
    assert_eq!(set.of_request(0).unwrap().1.output_planned, 4);
    assert_eq!(set.of_request(1).unwrap().1.output_planned, 77);
    assert!(from_file(r#"{"prompt": "a", "output_tokens": 0}"#, Dialect::Chat, false).is_err());
}

#[test]
fn bad_lines_are_named() {
    let at = |text: &str, dialect| match from_file(text, dialect, true) {
        Err(PromptError::Line { line, problem, .. }) => (line, problem),
        other => panic!("{other:?}"),
    };
    assert_eq!(at("{\"prompt\": \"a\"}\n{", Dialect::Chat).0, 2);
    assert_eq!(at("{}", Dialect::Chat).0, 1);
    assert!(
        at("{\"messages\": []}", Dialect::Completions)
            .1
            .contains("prompt")
    );
    assert!(
        at("{\"messages\": [{\"role\": \"user\"}]}", Dialect::Chat)
            .1
            .contains("nonce")
    );
    assert!(matches!(
        from_file("\n", Dialect::Chat, true),
        Err(PromptError::Empty { .. })
    ));
}

#[test]
fn a_missing_file_is_named() {
    let prompts = Prompts {
        source: PromptSource::File {
            path: "/nonexistent/prompts.jsonl".into(),
            format: FileFormat::JsonLines,
            salt: true,
        },
        ..synthetic(1, 0, true)
    };
    let error = PromptSet::generate(&prompts, Dialect::Chat, 1, None).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/prompts.jsonl"));
}
