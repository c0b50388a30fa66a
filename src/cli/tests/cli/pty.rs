//! A program on a terminal of its own, and somebody who reads and types.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};

/// How long a question may take to come. Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// Keys as terminals send them.
pub(crate) const ENTER: &str = "\r";
pub(crate) const DOWN: &str = "\u{1b}[B";

pub(crate) struct Pty {
    child: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    seen: String,
    /// What has been waited for ends here.
    at: usize,
}

impl Pty {
    /// Starts a command whose three streams are one terminal.
    pub(crate) fn start(mut command: Command) -> Self {
        let size = Winsize {
            ws_row: 50,
            ws_col: 200,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pair = openpty(&size, None).unwrap();
        let slave = File::from(pair.slave);
        let child = command
            .env("TERM", "xterm")
            .env("NO_COLOR", "1")
            .stdin(Stdio::from(slave.try_clone().unwrap()))
            .stdout(Stdio::from(slave.try_clone().unwrap()))
            .stderr(Stdio::from(slave))
            .spawn()
            .unwrap();
        // The command holds copies of the terminal's other side; without them reading would never end.
        drop(command);
        let keyboard = File::from(pair.master);
        let mut screen = keyboard.try_clone().unwrap();
        let (sender, receiver) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            keyboard,
            screen: receiver,
            seen: String::new(),
            at: 0,
        }
    }

    /// Waits until the screen shows this, behind what was waited for before.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, words: &str) -> &mut Self {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = self.seen[self.at..].find(words) {
                self.at += found + words.len();
                return self;
            }
            match self
                .screen
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(error) => panic!(
                    "{error}, waiting for {words:?} behind:\n{}",
                    &self.seen[self.at..]
                ),
            }
        }
    }

    pub(crate) fn press(&mut self, keys: &str) -> &mut Self {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self
    }

    /// Waits for a question and answers it.
    #[track_caller]
    pub(crate) fn answer(&mut self, question: &str, keys: &str) -> &mut Self {
        self.wait_for(question).press(keys).press(ENTER)
    }

    /// The exit code and everything that was on the screen.
    #[track_caller]
    pub(crate) fn finish(mut self) -> (Option<i32>, String) {
        let until = Instant::now() + PATIENCE;
        loop {
            match self
                .screen
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(error) => panic!("{error}: it does not end:\n{}", self.seen),
            }
        }
        (self.child.wait().unwrap().code(), std::mem::take(&mut self.seen))
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
