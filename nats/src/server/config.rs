//! nats-server's configuration: one interface, no monitoring port, an account for the run and one for observers, and a
//! user with least permissions for each role and node.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use hpcbench_core::RunId;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};
use serde::Serialize;

use super::Passwords;
use crate::limits::{
    HEADER_ROOM, MAX_ANSWER_DELAY, MAX_FILE_STORE, MAX_MEMORY_STORE, MAX_OBSERVERS, MAX_PAYLOAD,
};
use crate::{Secret, names};

const TEMPLATE: &str = include_str!("../../templates/nats-server.conf.j2");

/// Which port nats-server takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// Any free one.
    Free,
    /// This one: at a restart clients look for it where it was.
    Fixed(u16),
}

/// All that a run's nats-server needs to know.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// The run.
    pub run: RunId,
    /// The run directory, as the user gave it.
    pub run_directory: PathBuf,
    /// JetStream's store and the ports file: on node-local storage, for this run alone.
    pub store: PathBuf,
    /// The address of the one interface it listens on.
    pub host: IpAddr,
    /// The port.
    pub port: Port,
    /// Everybody's password.
    pub passwords: Passwords,
}

/// A configuration that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A path that the configuration's format cannot hold.
    #[error("nats-server cannot use the path {}: it is not UTF-8 or has control characters", .0.display())]
    Path(PathBuf),
    /// The template does not fit this program.
    #[error("nats-server's configuration could not be rendered")]
    Template(#[from] minijinja::Error),
}

/// A user in the template.
#[derive(Serialize)]
struct User {
    name: String,
    inbox: String,
    /// The environment variable that holds the password.
    variable: String,
    /// Its node, if it is an agent.
    node: Option<String>,
}

/// The text of the configuration and what its variables stand for.
pub(super) struct Rendered {
    pub(super) text: String,
    pub(super) environment: Vec<(String, Secret)>,
}

impl ServerConfig {
    /// Where the ports file appears.
    pub(super) fn ports_directory(&self) -> PathBuf {
        self.store.join("ports")
    }

    pub(super) fn render(&self) -> Result<Rendered, ConfigError> {
        let mut users = Users::default();
        let passwords = &self.passwords;
        let orchestrator = users.add(names::ORCHESTRATOR.to_owned(), None, &passwords.orchestrator);
        let observer = users.add(names::OBSERVER.to_owned(), None, &passwords.observer);
        let control = users.add(names::CONTROL.to_owned(), None, &passwords.control);
        let agent = |(node, password)| users.add(names::node_user(node), Some(node.to_string()), password);
        let nodes: Vec<User> = passwords.nodes.iter().map(agent).collect();
        let port = match self.port {
            Port::Free => -1,
            Port::Fixed(port) => i32::from(port),
        };
        let text = environment().render_str(
            TEMPLATE,
            context! {
                run => self.run.as_str(),
                host => self.host.to_string(),
                port,
                ports_directory => writable(&self.ports_directory())?,
                store => writable(&self.store.join("jetstream"))?,
                max_payload => MAX_PAYLOAD + HEADER_ROOM,
                // Every node's agent, the orchestrator, and as many outsiders as may have a consumer.
                max_connections => nodes.len() * 2 + 2 * MAX_OBSERVERS as usize,
                max_answer_delay => MAX_ANSWER_DELAY.as_secs(),
            max_file_store => MAX_FILE_STORE,
                max_memory_store => MAX_MEMORY_STORE,
                api => names::OBSERVER_API,
                orchestrator => Value::from(Serde(orchestrator)),
                observer => Value::from(Serde(observer)),
                control => Value::from(Serde(control)),
                nodes => Value::from(Serde(nodes)),
            },
        )?;
        Ok(Rendered {
            text,
            environment: users.environment,
        })
    }
}

#[derive(Default)]
struct Users {
    environment: Vec<(String, Secret)>,
}

impl Users {
    fn add(&mut self, name: String, node: Option<String>, password: &Secret) -> User {
        let variable = format!("HPCBENCH_BUS_PASSWORD_{}", self.environment.len());
        // nats-server parses the variable's value like any other: unquoted digits would be a number.
        self.environment.push((variable.clone(), password.quoted()));
        User {
            inbox: names::inbox(&name),
            name,
            variable,
            node,
        }
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.add_filter("quoted", |text: String| quoted(&text));
    environment
}

/// A string as nats-server's configuration writes it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn writable(path: &Path) -> Result<&str, ConfigError> {
    path.to_str()
        .filter(|text| !text.chars().any(char::is_control))
        .ok_or_else(|| ConfigError::Path(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::net::Ipv4Addr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    fn sample() -> ServerConfig {
        let mut byte = 0;
        let nodes = ["server", "client"].map(|node| node.parse().unwrap());
        let passwords = Passwords::generate(nodes, || {
            byte += 1;
            [byte; crate::SECRET_BYTES]
        });
        ServerConfig {
            run: "r1".parse().unwrap(),
            run_directory: "/runs/r1".into(),
            store: "/tmp/a \"b\"\\c".into(),
            host: Ipv4Addr::LOCALHOST.into(),
            port: Port::Free,
            passwords,
        }
    }

    #[test]
    fn holds_no_password() {
        let rendered = sample().render().unwrap();
        assert_eq!(rendered.environment.len(), 5);
        for (variable, secret) in &rendered.environment {
            assert!(
                rendered.text.contains(&format!("password: ${variable}\n")),
                "{variable}"
            );
            assert!(!rendered.text.contains(secret.expose().trim_matches('"')));
            assert!(secret.expose().starts_with('"') && secret.expose().ends_with('"'));
        }
    }

    #[test]
    fn listens_on_one_interface_without_monitoring() {
        let mut config = sample();
        config.port = Port::Fixed(4333);
        let text = config.render().unwrap().text;
        assert!(text.contains("host: \"127.0.0.1\"\nport: 4333\n"), "{text}");
        assert!(!text.contains("http"), "{text}");
        assert!(sample().render().unwrap().text.contains("port: -1\n"));
    }

    #[test]
    fn quotes_paths_or_refuses_them() {
        let mut config = sample();
        assert!(
            config
                .render()
                .unwrap()
                .text
                .contains(r#"store_dir: "/tmp/a \"b\"\\c/jetstream""#)
        );
        config.store = "/tmp/a\nb".into();
        assert!(matches!(config.render(), Err(ConfigError::Path(_))));
        config.store = OsStr::from_bytes(b"/tmp/\xff").into();
        assert!(matches!(config.render(), Err(ConfigError::Path(_))));
    }
}
