//! A real nats-server as it is started.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use common::TestServer;
use hpcbench_nats::{NotReady, find_server};

#[tokio::test]
async fn keeps_its_files_and_secrets_private() {
    let Some(server) = TestServer::start().await else {
        return;
    };
    let launch = server.config.launch(find_server().unwrap()).unwrap();
    let run = server.config.run_directory.to_str().unwrap();
    assert!(
        launch
            .arguments
            .iter()
            .any(|argument| argument.to_str().unwrap().contains(run))
    );
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let configuration = server.config.run_directory.join("job/nats-server.conf");
    assert_eq!(mode(&configuration), 0o600);
    assert_eq!(mode(&server.config.store), 0o700);
    let text = std::fs::read_to_string(configuration).unwrap();
    for (_, secret) in &launch.environment {
        let password = secret.expose().trim_matches('"');
        assert!(!text.contains(password));
        assert!(!format!("{launch:?}").contains(password));
    }
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let Some(server) = TestServer::start().await else {
        return;
    };
    let mut config = server.config.clone();
    config.store = server.directory.path().join("never started");
    let launch = config.launch("nats-server".into()).unwrap();
    launch.prepare().unwrap();
    let limit = Duration::from_millis(50);
    assert!(matches!(
        launch.await_ready(limit).await,
        Err(NotReady::NoPort { .. })
    ));
    std::fs::write(
        config.store.join("ports/x.ports"),
        r#"{"nats":["nats://127.0.0.1:1"]}"#,
    )
    .unwrap();
    let error = launch.await_ready(limit).await.unwrap_err();
    assert!(
        matches!(error, NotReady::Silent { source: Some(_), .. }),
        "{error}"
    );
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
    // A leftover of a former server misleads nobody.
    launch.prepare().unwrap();
    assert!(matches!(
        launch.await_ready(limit).await,
        Err(NotReady::NoPort { .. })
    ));
}
