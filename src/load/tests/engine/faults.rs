//! Servers that fail, in all the ways they do.

use std::net::TcpListener;
use std::num::NonZeroU16;
use std::thread::sleep;
use std::time::{Duration, Instant};

use hpcbench_load::{Length, LoadError, PrepareError, PromptSource, Shape, Start, TokenCount, prepare};
use hpcbench_records::{ErrorKind, Record, Status};

use crate::server::{After, DONE, STREAM_HEAD, Server, content, event, role, say, stream};
use crate::{run, single, spec};

fn error(record: &Record) -> ErrorKind {
    assert_eq!(record.status, Status::Error, "{record:?}");
    record.error_kind.unwrap()
}

/// One user, who waits long enough between requests to see that the connection lasts.
fn with_pauses() -> Shape {
    Shape::Closed {
        concurrency: 1,
        think_time: Duration::from_millis(50),
        turns: NonZeroU16::MIN,
    }
}

#[test]
fn an_error_status() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_, socket| {
        say(
            socket,
            "HTTP/1.1 500 Oops\r\ncontent-length: 30\r\n\r\n{\"error\":{\"message\":\"no GPU\"}}",
        );
        After::Keep
    });
    let mut spec = spec(server.address, &scratch);
    spec.shape = with_pauses();
    spec.length = Length::Requests(2);
    let (records, _) = run(spec);
    assert_eq!(error(&records[0]), ErrorKind::HttpStatus);
    assert_eq!(
        (records[0].http_status, records[0].error_text.as_deref()),
        (Some(500), Some("status 500: no GPU"))
    );
    // An error in order does not cost the connection.
    assert!(records[1].conn_reused);
}

#[test]
fn a_cut_stream() {
    let record = single(|_, socket| {
        say(socket, &[STREAM_HEAD, &role(), &content("a")].concat());
        After::Close
    });
    assert_eq!(error(&record), ErrorKind::CutStream);
    assert_eq!((record.tokens.chunks, record.events.len()), (Some(1), 2));
    assert!(record.times.first.is_some() && record.times.end.is_some());
}

#[test]
fn a_failure_that_was_told_of_goes_before_the_missing_end() {
    let cut = single(|_, socket| {
        say(socket, "HTTP/1.1 500 Oops\r\ncontent-length: 99\r\n\r\nno GPU");
        After::Close
    });
    assert_eq!(error(&cut), ErrorKind::HttpStatus);
    assert_eq!(cut.error_text.as_deref(), Some("status 500: no GPU"));
    let encoded = single(|_, socket| {
        say(
            socket,
            "HTTP/1.1 502 Oops\r\ncontent-encoding: gzip\r\ncontent-length: 1\r\n\r\n\x1f",
        );
        After::Keep
    });
    assert_eq!(error(&encoded), ErrorKind::HttpStatus);
    assert_eq!(encoded.http_status, Some(502));
    let within = single(|_, socket| {
        let told = event(r#"{"error":{"message":"CUDA error"}}"#);
        say(socket, &[STREAM_HEAD, &content("a"), &told].concat());
        After::Close
    });
    assert_eq!(error(&within), ErrorKind::Server);
    assert_eq!(within.error_text.as_deref(), Some("CUDA error"));
}

#[test]
fn garbage() {
    for answer in [
        "220 smtp ready\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let record = single(move |_, socket| {
            say(socket, answer);
            sleep(Duration::from_millis(200));
            After::Close
        });
        assert_eq!(error(&record), ErrorKind::Malformed, "{answer:?}");
        assert_eq!(record.bytes_received, answer.len() as u64);
    }
    let record = single(|_, socket| {
        say(socket, &[STREAM_HEAD, &content("a"), &event("{oops")].concat());
        After::Close
    });
    assert_eq!((error(&record), record.events.len()), (ErrorKind::Malformed, 1));
}

#[test]
fn heads_and_lines_without_end() {
    for begin in ["HTTP/1.1 200 OK\r\nx-endless: ", "HTTP/1.1 200 OK\r\n\r\ndata: "] {
        let record = single(move |_, socket| {
            say(socket, begin);
            let part = "x".repeat(1 << 20);
            for _ in 0..64 {
                say(socket, &part);
            }
            After::Close
        });
        assert_eq!(error(&record), ErrorKind::TooLarge, "{begin:?}: {record:?}");
    }
}

#[test]
fn a_request_that_cannot_be_sent() {
    // More than socket buffers take, to a server that reads nothing of it and goes.
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            sleep(Duration::from_millis(100));
            drop(socket);
        }
    });
    let scratch = tempfile::tempdir().unwrap();
    let mut spec = spec(address, &scratch);
    spec.prompts.source = PromptSource::Synthetic {
        input_tokens: TokenCount::Fixed(4_000_000),
        shared_prefix_tokens: 0,
    };
    let (records, _) = run(spec);
    let record = &records[0];
    assert_eq!(error(record), ErrorKind::Send);
    // What the kernel has taken must not be sent again.
    assert_eq!((record.retries, record.times.sent), (0, None));
    assert!(record.times.send_start.is_some() && record.bytes_sent > 0);
}

#[test]
fn an_error_inside_the_stream() {
    let record = single(|_, socket| {
        say(
            socket,
            &[
                STREAM_HEAD,
                &content("a"),
                &event(r#"{"error":{"message":"CUDA error"}}"#),
                DONE,
            ]
            .concat(),
        );
        After::Close
    });
    assert_eq!(
        (error(&record), record.error_text.as_deref()),
        (ErrorKind::Server, Some("CUDA error"))
    );
}

#[test]
fn stalls_time_out() {
    let timed_out = |answer: fn(&mut std::net::TcpStream)| {
        let scratch = tempfile::tempdir().unwrap();
        let server = Server::start(move |_, socket| {
            answer(socket);
            sleep(Duration::from_secs(5));
            After::Close
        });
        let mut spec = spec(server.address, &scratch);
        spec.timeout = Duration::from_millis(150);
        let begun = Instant::now();
        let (mut records, _) = run(spec);
        assert!(begun.elapsed() < Duration::from_secs(4));
        let record = records.remove(0);
        let lasted = record.times.end.unwrap() - record.times.dispatch.unwrap();
        assert!(lasted >= 150_000_000, "{lasted}");
        record
    };
    let silent = timed_out(|_| {});
    assert_eq!(
        (silent.status, silent.error_kind),
        (Status::Timeout, Some(ErrorKind::TimeoutFirstToken))
    );
    let stalled = timed_out(|socket| say(socket, &[STREAM_HEAD, &content("a")].concat()));
    assert_eq!(
        (stalled.status, stalled.error_kind),
        (Status::Timeout, Some(ErrorKind::TimeoutStream))
    );
    // A server that has told of its failure has not only been slow.
    let failed = timed_out(|socket| say(socket, "HTTP/1.1 503 Oops\r\ncontent-length: 99\r\n\r\nbusy"));
    assert_eq!(error(&failed), ErrorKind::HttpStatus);
    assert_eq!(failed.error_text.as_deref(), Some("status 503: busy"));
    let told = timed_out(|socket| say(socket, &[STREAM_HEAD, &event(r#"{"error":"busy"}"#)].concat()));
    assert_eq!(error(&told), ErrorKind::Server);
}

#[test]
fn a_server_that_forgets_to_end_a_finished_stream_is_not_waited_for() {
    let begun = Instant::now();
    let record = single(|_, socket| {
        say(socket, &[STREAM_HEAD, &content("a"), &event("[DONE]")].concat());
        sleep(Duration::from_secs(10));
        After::Close
    });
    assert!(begun.elapsed() < Duration::from_secs(8));
    assert_eq!(record.status, Status::Ok);
    assert_eq!(record.times.end, record.events.t.last().copied());
}

/// The records of ten requests of one user, from a server that ends its streams so much later than it says that it is done.
fn ended_after(pause: Option<Duration>) -> Vec<Record> {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(move |_, socket| {
        say(socket, &[STREAM_HEAD, &content("a"), &event("[DONE]")].concat());
        if let Some(pause) = pause {
            sleep(pause);
            say(socket, "0\r\n\r\n");
        }
        After::Keep
    });
    let mut spec = spec(server.address, &scratch);
    spec.shape = with_pauses();
    spec.length = Length::Requests(10);
    let (records, _) = run(spec);
    for record in &records {
        assert_eq!(record.status, Status::Ok, "{record:?}");
    }
    records
}

#[test]
fn who_has_the_answer_does_not_wait_for_the_end_of_its_stream() {
    // Each would be waited for for a second.
    let records = ended_after(None);
    let (first, last) = (&records[0].times, &records[9].times);
    assert!(last.sent.unwrap() - first.sent.unwrap() < 5_000_000_000);
    for record in &records {
        assert_eq!(record.times.end, record.events.t.last().copied());
        assert!(!record.conn_reused);
    }
}

#[test]
fn a_connection_goes_on_when_its_stream_ends_late() {
    // The pause between requests is longer than that of the server.
    let records = ended_after(Some(Duration::from_millis(25)));
    let reused = records.iter().filter(|record| record.conn_reused).count();
    assert!(reused >= 7, "{reused}");
    for record in &records {
        assert_eq!(record.times.end, record.events.t.last().copied());
    }
}

#[test]
fn a_connection_that_ends_under_a_request_is_stale() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|request, socket| {
        if request.turn == 1 {
            After::Close
        } else {
            stream(socket, 1, Duration::ZERO)
        }
    });
    let mut spec = spec(server.address, &scratch);
    spec.shape = with_pauses();
    spec.length = Length::Requests(5);
    let (records, _) = run(spec);
    assert_eq!(records[0].status, Status::Ok);
    // The kernel had taken its bytes, so that it must not be sent again.
    assert_eq!(
        (error(&records[1]), records[1].retries),
        (ErrorKind::StaleConnection, 0)
    );
    // It is not risked again.
    assert!(
        records[2..]
            .iter()
            .all(|record| record.status == Status::Ok && !record.conn_reused),
        "{records:?}"
    );
}

#[test]
fn a_server_that_closes_silently_after_each_answer_loses_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_, socket| {
        stream(socket, 2, Duration::from_millis(1));
        After::Close
    });
    let mut spec = spec(server.address, &scratch);
    spec.shape = Shape::Closed {
        concurrency: 8,
        think_time: Duration::ZERO,
        turns: NonZeroU16::MIN,
    };
    spec.length = Length::Requests(400);
    let (records, _) = run(spec);
    assert_eq!(records.len(), 400);
    let lost = records
        .iter()
        .find(|record| record.status != Status::Ok || record.conn_reused);
    assert!(lost.is_none(), "{lost:?}");
}

#[test]
fn a_connection_that_was_closed_while_it_waited_is_replaced() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_, socket| {
        stream(socket, 1, Duration::ZERO);
        After::Close
    });
    let mut spec = spec(server.address, &scratch);
    spec.length = Length::Requests(4);
    spec.shape = Shape::Closed {
        concurrency: 1,
        think_time: Duration::from_millis(100),
        turns: NonZeroU16::MIN,
    };
    let (records, _) = run(spec);
    assert!(
        records
            .iter()
            .all(|record| record.status == Status::Ok && !record.conn_reused),
        "{records:?}"
    );
}

#[test]
fn refused_connections_are_errors_and_no_flood() {
    let scratch = tempfile::tempdir().unwrap();
    let address = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let mut spec = spec(address, &scratch);
    spec.length = crate::lasting(350, hpcbench_load::Cooldown::Drain);
    let (records, _) = run(spec);
    assert!((1..=6).contains(&records.len()), "{}", records.len());
    for record in &records {
        assert_eq!(
            (error(record), record.times.sent, record.cohort),
            (ErrorKind::Connect, None, true)
        );
    }
}

#[test]
fn a_connection_that_is_never_made_times_out() {
    // A listener whose queue is full answers no handshake.
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(0).unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let _queued: Vec<_> = (0..3)
        .map(|_| std::net::TcpStream::connect_timeout(&address, Duration::from_millis(50)))
        .collect();
    let scratch = tempfile::tempdir().unwrap();
    let mut spec = spec(address, &scratch);
    spec.timeout = Duration::from_millis(150);
    let (records, _) = run(spec);
    assert_eq!(
        (records[0].status, records[0].error_kind),
        (Status::Timeout, Some(ErrorKind::TimeoutFirstToken))
    );
    assert_eq!(
        records[0].error_text.as_deref(),
        Some("no connection within the timeout")
    );
}

#[test]
fn cancelling_in_the_middle_ends_at_once() {
    let scratch = tempfile::tempdir().unwrap();
    let server = Server::start(|_, socket| stream(socket, 1_000, Duration::from_millis(10)));
    let mut spec = spec(server.address, &scratch);
    spec.shape = Shape::Closed {
        concurrency: 4,
        think_time: Duration::ZERO,
        turns: NonZeroU16::MIN,
    };
    spec.length = crate::lasting(20_000, hpcbench_load::Cooldown::Load);
    let running = prepare(spec, &[]).unwrap().start(Start::Now).unwrap();
    sleep(Duration::from_millis(300));
    assert_eq!(running.progress().in_flight, 4);
    let begun = Instant::now();
    running.cancel_handle().cancel();
    let outcome = running.join().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5) && outcome.cancelled);
    let records = crate::records(&outcome);
    assert_eq!(records.len(), 4);
    assert!(
        records
            .iter()
            .all(|record| record.status == Status::Cancelled && record.error_kind.is_none())
    );
    assert!(records.iter().all(|record| record.tokens.chunks > Some(0)));
}

#[test]
fn what_is_wrong_is_said_before_the_start() {
    let scratch = tempfile::tempdir().unwrap();
    let address = ([127, 0, 0, 1], 9).into();
    let refuse = |change: fn(&mut hpcbench_load::LoadSpec)| {
        let mut spec = spec(address, &scratch);
        change(&mut spec);
        prepare(spec, &[]).unwrap_err()
    };
    assert!(matches!(
        refuse(|spec| spec.endpoints.clear()),
        PrepareError::Invalid { .. }
    ));
    assert!(matches!(
        refuse(|spec| spec.endpoints[0].host = "a\r\nb".into()),
        PrepareError::Invalid { .. }
    ));
    assert!(matches!(
        refuse(|spec| spec.endpoints[0].key = Some(0)),
        PrepareError::Invalid { .. }
    ));
    assert!(matches!(
        refuse(|spec| spec.length = Length::Requests(0)),
        PrepareError::Invalid { .. }
    ));
    let endless = |spec: &mut hpcbench_load::LoadSpec| {
        spec.shape = Shape::Closed {
            concurrency: u32::MAX,
            think_time: Duration::ZERO,
            turns: NonZeroU16::MIN,
        };
    };
    assert!(matches!(refuse(endless), PrepareError::Limits(_)));
    let never = |spec: &mut hpcbench_load::LoadSpec| {
        spec.shape = Shape::Poisson {
            rate: -1.0,
            max_in_flight: 1,
        }
    };
    assert!(matches!(refuse(never), PrepareError::Shape(_)));
    let nowhere = |spec: &mut hpcbench_load::LoadSpec| spec.scratch = "/nonexistent".into();
    assert!(matches!(refuse(nowhere), PrepareError::Records(_)));
    // Records of another load are never overwritten.
    prepare(spec(address, &scratch), &[]).unwrap();
    assert!(matches!(refuse(|_| {}), PrepareError::Records(_)));
    let _: fn(LoadError) -> String = |error| error.to_string();
}
