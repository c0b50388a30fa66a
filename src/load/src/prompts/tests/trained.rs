//! Small tokenizers of the kinds that models have, trained on the spot.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tokenizers::decoders::DecoderWrapper;
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::models::unigram::{Unigram, UnigramTrainer};
use tokenizers::models::wordpiece::{WordPiece, WordPieceTrainer};
use tokenizers::normalizers::{BertNormalizer, NormalizerWrapper, Prepend, Replace, Sequence};
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::{AddedToken, ModelWrapper, PaddingParams, Tokenizer, TruncationParams, decoders};

/// Kinds of tokenizers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// As GPT-2, Llama 3 and Qwen have it.
    ByteLevelBpe,
    /// The same with hardly more than single bytes in its vocabulary.
    Bytes,
    /// As BERT has it.
    WordPiece,
    /// As T5 has it.
    Unigram,
    /// As Llama 2 and Mistral have it: nothing splits the text before the merges.
    SentencePieceBpe,
}

impl Kind {
    pub(super) const ALL: [Self; 5] = [
        Self::ByteLevelBpe,
        Self::Bytes,
        Self::WordPiece,
        Self::Unigram,
        Self::SentencePieceBpe,
    ];

    /// Saves a tokenizer below `directory`, and gives the file.
    pub(super) fn save(self, directory: &Path) -> PathBuf {
        static TRAINED: [OnceLock<String>; Kind::ALL.len()] = [const { OnceLock::new() }; Kind::ALL.len()];
        let path = directory.join(format!("{self:?}.json"));
        let json = TRAINED[self as usize].get_or_init(|| self.train());
        std::fs::write(&path, json).unwrap();
        path
    }

    fn train(self) -> String {
        let mut tokenizer = match self {
            Self::ByteLevelBpe => byte_level(3_000),
            Self::Bytes => byte_level(300),
            Self::WordPiece => word_piece(),
            Self::Unigram => unigram(),
            Self::SentencePieceBpe => sentence_piece_bpe(),
        };
        tokenizer
            .add_special_tokens([AddedToken::from("<s>", true)])
            .unwrap();
        // Such limits are in many files, and must not count.
        tokenizer
            .with_truncation(Some(TruncationParams::default()))
            .unwrap();
        tokenizer.with_padding(Some(PaddingParams {
            pad_to_multiple_of: Some(8),
            ..PaddingParams::default()
        }));
        tokenizer.to_string(false).unwrap()
    }
}

/// Sentences in which each common word occurs many times, among others.
fn corpus() -> Vec<String> {
    let words: Vec<&str> = include_str!("../words.txt").lines().collect();
    let sentence = |nth: usize| {
        let words = (0..12).map(|word| words[(nth * 37 + word * word * 11) % words.len()]);
        words.collect::<Vec<_>>().join(" ")
    };
    (0..1_500).map(sentence).collect()
}

fn train(
    model: impl Into<ModelWrapper>,
    trainer: impl Into<TrainerWrapper>,
    prepare: impl Fn(&mut Tokenizer),
) -> Tokenizer {
    let mut tokenizer = Tokenizer::new(model);
    prepare(&mut tokenizer);
    tokenizer
        .train(&mut trainer.into(), corpus().into_iter())
        .unwrap();
    tokenizer
}

fn byte_level(vocabulary: usize) -> Tokenizer {
    let trainer = BpeTrainer::builder()
        .vocab_size(vocabulary)
        .show_progress(false)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build();
    train(BPE::default(), trainer, |tokenizer| {
        tokenizer.with_pre_tokenizer(Some(ByteLevel::new(false, false, true)));
        tokenizer.with_decoder(Some(ByteLevel::default()));
    })
}

fn word_piece() -> Tokenizer {
    let special_tokens = vec![AddedToken::from("[UNK]", true)];
    let trainer = WordPieceTrainer::builder()
        .vocab_size(3_000)
        .show_progress(false)
        .special_tokens(special_tokens)
        .build();
    train(WordPiece::default(), trainer, |tokenizer| {
        tokenizer
            .with_normalizer(Some(BertNormalizer::default()))
            .unwrap();
        tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
        tokenizer.with_decoder(Some(decoders::wordpiece::WordPiece::default()));
    })
}

fn unigram() -> Tokenizer {
    let trainer = UnigramTrainer::builder()
        .vocab_size(1_500_u32)
        .show_progress(false)
        .special_tokens(vec![AddedToken::from("<unk>", true)])
        .unk_token(Some("<unk>".into()))
        .build()
        .unwrap();
    train(Unigram::default(), trainer, |tokenizer| {
        let metaspace = Metaspace::new('▁', PrependScheme::Always, true);
        tokenizer.with_pre_tokenizer(Some(metaspace.clone()));
        tokenizer.with_decoder(Some(DecoderWrapper::Metaspace(metaspace)));
    })
}

fn sentence_piece_bpe() -> Tokenizer {
    let metaspace = Metaspace::new('▁', PrependScheme::Always, true);
    let trainer = BpeTrainer::builder()
        .vocab_size(3_000)
        .show_progress(false)
        .build();
    let mut tokenizer = train(BPE::default(), trainer, |tokenizer| {
        tokenizer.with_pre_tokenizer(Some(metaspace.clone()));
        tokenizer.with_decoder(Some(DecoderWrapper::Metaspace(metaspace.clone())));
    });
    let steps: Vec<NormalizerWrapper> = vec![
        Prepend::new("▁".into()).into(),
        Replace::new(" ", "▁").unwrap().into(),
    ];
    tokenizer.with_normalizer(Some(Sequence::new(steps))).unwrap();
    tokenizer.with_pre_tokenizer(None::<Metaspace>);
    tokenizer
}
