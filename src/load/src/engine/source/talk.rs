//! Conversations: what has been said so far, as the part of a request's messages that comes before its own.

use crate::share::ClientShare;

/// Longest history, bytes. A conversation that outgrows it ends early, and the user begins another.
const MAX_HISTORY_BYTES: usize = 16 * 1024 * 1024;

/// A request's place in its conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    /// The conversation's number, over all clients.
    pub(crate) conversation: u64,
    /// Its number in the conversation, from 0.
    pub(crate) number: u16,
    /// Turns of a conversation that is not cut short.
    pub(crate) of: u16,
}

impl Turn {
    /// The trial's number of the request, if no conversation were ever cut short: prompts go by it.
    pub(crate) fn index(self) -> u64 {
        self.conversation
            .wrapping_mul(u64::from(self.of))
            .wrapping_add(u64::from(self.number))
    }
}

/// What a turn that succeeded adds to its conversation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said<'a> {
    /// The turn's own messages, as a JSON list.
    pub(crate) messages: &'a [u8],
    /// The answer's text as the inside of a JSON string.
    pub(crate) answer: &'a [u8],
    /// Tokens of the whole conversation up to this answer, where they are known.
    pub(crate) tokens: Option<u32>,
}

/// What has been said in a conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct History {
    /// Messages as JSON objects, each followed by a comma.
    pub(crate) messages: Vec<u8>,
    /// Their tokens, where they are known.
    pub(crate) tokens: Option<u32>,
}

/// One user's conversations.
#[derive(Debug)]
struct Talk {
    turn: Turn,
    history: History,
}

/// The conversations of a thread's users.
#[derive(Debug)]
pub(crate) struct Talks {
    turns: u16,
    share: ClientShare,
    /// Conversations that this thread has begun.
    begun: u64,
    /// By user; `None` before the first and between two conversations.
    by_user: Vec<Option<Talk>>,
}

impl Talks {
    /// No conversation yet. `share` is the thread's part of all conversations.
    pub(crate) fn new(users: u32, turns: u16, share: ClientShare) -> Self {
        Self {
            turns,
            share,
            begun: 0,
            by_user: (0..users).map(|_| None).collect(),
        }
    }

    /// What this user's next request is.
    pub(super) fn turn(&mut self, user: u32) -> Option<Turn> {
        let talk = self.by_user.get_mut(user as usize)?;
        let talk = talk.get_or_insert_with(|| {
            let conversation = self.share.position(self.begun);
            self.begun += 1;
            let turn = Turn {
                conversation,
                number: 0,
                of: self.turns,
            };
            let history = History {
                messages: Vec::new(),
                tokens: Some(0),
            };
            Talk { turn, history }
        });
        Some(talk.turn)
    }

    /// What this user's next request carries besides its own messages.
    pub(super) fn history(&self, user: u32) -> Option<&History> {
        let talk = self.by_user.get(user as usize)?.as_ref()?;
        Some(&talk.history)
    }

    /// A user's request has ended; `said` is missing if it failed, which ends the conversation.
    pub(super) fn ended(&mut self, user: u32, said: Option<Said<'_>>) {
        let Some(place) = self.by_user.get_mut(user as usize) else {
            return;
        };
        let goes_on = match (place.as_mut(), said) {
            (Some(talk), Some(said)) => talk.add(said),
            _ => false,
        };
        if !goes_on {
            *place = None;
        }
    }
}

impl Talk {
    /// Takes a turn in; whether another one follows.
    fn add(&mut self, said: Said<'_>) -> bool {
        self.turn.number += 1;
        let more = self.history.messages.len() + said.messages.len() + said.answer.len();
        if self.turn.number >= self.turn.of || more > MAX_HISTORY_BYTES {
            return false;
        }
        let messages = said.messages.strip_prefix(b"[").unwrap_or(said.messages);
        let messages = messages.strip_suffix(b"]").unwrap_or(messages);
        let history = &mut self.history;
        history.messages.extend_from_slice(messages);
        history
            .messages
            .extend_from_slice(b",{\"role\":\"assistant\",\"content\":\"");
        history.messages.extend_from_slice(said.answer);
        history.messages.extend_from_slice(b"\"},");
        history.tokens = said.tokens;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: Said<'static> = Said {
        messages: br#"[{"role":"user","content":"a"}]"#,
        answer: br"b\n",
        tokens: Some(2),
    };

    fn talks(turns: u16) -> Talks {
        Talks::new(2, turns, ClientShare { index: 1, count: 3 })
    }

    #[test]
    fn each_turn_carries_what_was_said_before() {
        let mut talks = talks(3);
        assert_eq!(talks.turn(0).map(Turn::index), Some(3));
        assert_eq!(talks.turn(1).map(|turn| turn.conversation), Some(4));
        assert_eq!(talks.history(0).map(|history| history.messages.len()), Some(0));
        talks.ended(0, Some(SAID));
        talks.ended(0, Some(SAID));
        let history = talks.history(0).unwrap();
        let one = r#"{"role":"user","content":"a"},{"role":"assistant","content":"b\n"},"#;
        assert_eq!(String::from_utf8_lossy(&history.messages), one.repeat(2));
        assert_eq!(history.tokens, Some(2));
        assert_eq!(
            talks.turn(0).map(|turn| (turn.conversation, turn.number)),
            Some((1, 2))
        );
    }

    #[test]
    fn conversations_end_and_others_begin() {
        let mut talks = talks(2);
        talks.turn(0);
        talks.ended(0, Some(SAID));
        talks.ended(0, Some(SAID));
        assert_eq!(talks.history(0), None);
        assert_eq!(
            talks.turn(0).map(|turn| (turn.conversation, turn.number)),
            Some((4, 0))
        );
        talks.ended(0, None);
        assert_eq!(
            talks.turn(0).map(|turn| (turn.conversation, turn.number)),
            Some((7, 0))
        );
    }

    #[test]
    fn a_conversation_that_grows_too_long_is_cut() {
        let mut talks = talks(9);
        talks.turn(1);
        let long = vec![b'x'; MAX_HISTORY_BYTES];
        talks.ended(
            1,
            Some(Said {
                answer: &long,
                ..SAID
            }),
        );
        assert_eq!(talks.history(1), None);
    }
}
