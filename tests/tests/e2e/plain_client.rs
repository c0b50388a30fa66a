//! Somebody else's NATS client with the observer's credential: it sees every event, and nobody hears it. Written from
//! what `bus.json` and the documentation say, without the program's own code.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures::StreamExt;
use hpcbench_tests::{Recipe, Workdir, events, of_type, skip, terminal, wait_until};
use nats::jetstream::{self, consumer};
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

const START: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_secs(30);

/// A run's bus, as `bus.json` describes it.
struct Bus {
    run: String,
    client: nats::Client,
    stream: jetstream::stream::Stream<()>,
    /// What the server complains about.
    complaints: UnboundedReceiver<String>,
}

async fn connect(rendezvous: &Value) -> Result<Bus> {
    let text = |pointer: &str| -> Result<String> {
        let value = rendezvous.pointer(pointer).and_then(Value::as_str);
        Ok(value
            .with_context(|| format!("bus.json has no {pointer}"))?
            .to_owned())
    };
    let user = text("/credentials/observer/user")?;
    let (complain, complaints) = unbounded_channel();
    let client =
        nats::ConnectOptions::with_user_and_password(user.clone(), text("/credentials/observer/password")?)
            .custom_inbox_prefix(format!("_INBOX_{user}"))
            .event_callback(move |event| {
                if let nats::Event::ServerError(error) = event {
                    // The test may have ended.
                    let _ = complain.send(error.to_string());
                }
                std::future::ready(())
            })
            .connect(text("/url")?)
            .await?;
    let stream = jetstream::with_prefix(client.clone(), &text("/api_prefix")?)
        .get_stream_no_info(text("/stream")?)
        .await?;
    Ok(Bus {
        run: text("/run")?,
        client,
        stream,
        complaints,
    })
}

/// All events up to the run's end, as lines.
async fn read(bus: &Bus) -> Result<String> {
    let config = consumer::pull::OrderedConfig::default();
    let mut messages = bus.stream.create_consumer(config).await?.messages().await?;
    let mut lines = String::new();
    loop {
        let message = tokio::time::timeout(PATIENCE, messages.next()).await;
        let message = message.with_context(|| format!("no event follows\n{lines}"))?;
        let message = message.context("the stream ended")??;
        lines.push_str(std::str::from_utf8(&message.payload)?);
        lines.push('\n');
        let kind = message
            .subject
            .strip_prefix(&format!("hpcbench.{}.event.", bus.run));
        match kind {
            Some("run.completed" | "run.failed" | "run.cancelled") => return Ok(lines),
            Some(_) => {}
            None => bail!("{} is not an event's subject", message.subject),
        }
    }
}

/// The client in Python that the guide shows.
struct GuideClient {
    child: Child,
    _folder: tempfile::TempDir,
}

impl GuideClient {
    /// Starts it; none, and a note, where there is no nats-py.
    fn start(run: &Path) -> Result<Option<Self>> {
        let library = hpcbench_tests::workspace().join(".tools/nats-py");
        if !library.exists() {
            skip(
                "the client of the guide",
                "there is no .tools/nats-py; `make e2e` fetches it",
            );
            return Ok(None);
        }
        let folder = tempfile::tempdir()?;
        let program = folder.path().join("live.py");
        let blocks = hpcbench_tests::blocks("live-events.md", "python")?;
        fs::write(&program, blocks.first().context("the guide shows no client")?)?;
        let child = Command::new("python3")
            .arg(&program)
            .arg(run)
            .env("PYTHONPATH", library)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start python3")?;
        Ok(Some(Self {
            child,
            _folder: folder,
        }))
    }

    /// What it has printed when it ends, which it does with the run.
    fn seen(self) -> Result<String> {
        let output = self.child.wait_with_output()?;
        let complaints = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{complaints}");
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// Says something where only the program's own parts may.
async fn intrude(bus: &mut Bus) -> Result<()> {
    let run = &bus.run;
    let subjects = [
        format!("hpcbench.{run}.command.server.supervisor"),
        format!("hpcbench.{run}.command.client.client_pool"),
        format!("hpcbench.{run}.report.server.supervisor"),
        format!("hpcbench.{run}.heartbeat.server"),
        format!("hpcbench.{run}.control.cancel"),
        format!("hpcbench.{run}.event.run.completed"),
    ];
    for subject in &subjects {
        bus.client.publish(subject.clone(), "{}".into()).await?;
        let complaint = tokio::time::timeout(PATIENCE, bus.complaints.recv()).await;
        let complaint = complaint.with_context(|| format!("{subject} was allowed"))?;
        let complaint = complaint.context("the connection is gone")?;
        ensure!(complaint.contains(subject.as_str()), "{subject}: {complaint}");
    }
    // An event that is asked for may be delivered anywhere.
    let config = consumer::pull::Config {
        name: Some("pulled".to_owned()),
        ..consumer::pull::Config::default()
    };
    bus.stream.create_consumer(config).await?;
    for subject in &subjects {
        let next = "RUN.API.CONSUMER.MSG.NEXT.EVENTS.pulled";
        let reply = subject.clone();
        bus.client
            .publish_with_reply(next, reply, r#"{"batch":3}"#.into())
            .await?;
    }
    Ok(bus.client.flush().await?)
}

#[tokio::test]
async fn it_gets_the_same_events_and_reaches_nobody() -> Result<()> {
    let workdir = Workdir::new()?;
    let recipe = Recipe::simulated().workload("duration", "3s");
    let running = workdir.bench(&recipe)?.start()?;
    let run = workdir.run();
    let rendezvous = wait_until(START, "bus.json", || {
        Ok(fs::read(run.join("bus.json"))
            .ok()
            .map(|text| serde_json::from_slice(&text)))
    })??;
    wait_until(START, "the load", || {
        let events = events(&run).unwrap_or_default();
        Ok((!of_type(&events, "load.started").is_empty()).then_some(()))
    })?;
    let in_python = GuideClient::start(&run)?;
    let mut bus = connect(&rendezvous).await?;
    intrude(&mut bus).await?;
    let seen = read(&bus).await?;
    let ran = running.wait()?;
    let log = fs::read_to_string(run.join("events/000001.jsonl"))?;
    assert_eq!(seen, log, "{ran}");
    if let Some(client) = in_python {
        assert_eq!(client.seen()?, log, "{ran}");
    }

    let events = events(&run)?;
    assert_eq!(terminal(&events)?["type"], "run.completed");
    for kind in [
        "cancel.requested",
        "command.rejected",
        "trial.interrupted",
        "node.lost",
    ] {
        ensure!(
            of_type(&events, kind).is_empty(),
            "{kind}: somebody heard the intruder\n{ran}"
        );
    }
    assert_eq!(of_type(&events, "trial.completed").len(), 1);
    Ok(())
}
