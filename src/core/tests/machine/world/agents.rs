//! Agents and what they answer.

use hpcbench_core::event::{
    ClientConnected, ClientFailed, CollectionStarted, CollectionStopped, EndpointProbe, Rendezvous,
    ServiceExited, ServiceFailed, ServiceLaunched, ServiceObserved, ServiceRank, ServiceReady, TrialPrepared,
};
use hpcbench_core::message::{AgentCommand, CommandBody, Report, ReportBody, ReportId};
use hpcbench_core::{Attempt, Command, InstanceId, NodeId, Role, Seq, TrialId};

use hpcbench_stats::ServiceReport;

use super::given::{LOAD_SECONDS, joined, share};
use super::{Fault, Happening, Point, World};

/// Milliseconds that things usually take.
const USUAL: u64 = 50;
/// Milliseconds until a silent node is noticed.
const SILENCE: u64 = 10_000;

/// An agent's process.
#[derive(Debug, Clone)]
pub(super) struct Agent {
    launch: u32,
    boot: String,
    counter: u64,
    frozen: bool,
    seen: Vec<String>,
    /// The attempt whose share is still to be handed in.
    attempt: Option<(TrialId, Attempt)>,
    /// Services that run here.
    services: Vec<(InstanceId, u32)>,
}

impl World {
    pub(super) fn launch_agent(&mut self, node: &NodeId, role: Role, launch: u32) {
        let boot = format!("{node}-{}-{launch}", self.state.epoch);
        let fault = self.luck(&Point::Agent(node.clone(), launch));
        if fault == Fault::Fails {
            let how = "exit code 127".to_owned();
            let node = node.clone();
            return self.after(
                USUAL,
                Happening::Command(Command::AgentEnded { node, launch, how }, None),
            );
        }
        let agent = Agent {
            launch,
            boot: boot.clone(),
            counter: 0,
            frozen: false,
            seen: Vec::new(),
            attempt: None,
            services: Vec::new(),
        };
        self.agents.insert(node.clone(), agent);
        if let Some(delay) = self.delay(node, fault) {
            self.report(node, delay, None, ReportBody::Joined(joined(node, role, &boot)));
        }
    }

    /// The agent's process ends, and its services with it.
    pub(super) fn end_agent(&mut self, node: &NodeId, how: &str) {
        if let Some(agent) = self.agents.remove(node) {
            let (node, how, launch) = (node.clone(), how.to_owned(), agent.launch);
            self.after(
                10,
                Happening::Command(Command::AgentEnded { node, launch, how }, None),
            );
        }
    }

    /// Milliseconds until an answer; none if there is none. Arranges for the agent's own end.
    fn delay(&mut self, node: &NodeId, fault: Fault) -> Option<u64> {
        match fault {
            Fault::None | Fault::Fails => Some(USUAL),
            Fault::Late(delay) => Some(USUAL + delay),
            Fault::Silent => None,
            Fault::EndsAfter(delay) => {
                let launch = self.agents.get(node)?.launch;
                self.after(delay, Happening::EndAgent(node.clone(), launch));
                Some(USUAL)
            }
            Fault::Freezes => {
                self.agents.get_mut(node)?.frozen = true;
                let node = node.clone();
                let seconds = SILENCE as f64 / 1e3;
                self.after(
                    SILENCE,
                    Happening::Command(Command::NodeSilent { node, seconds }, None),
                );
                None
            }
        }
    }

    fn report(&mut self, node: &NodeId, delay: u64, cause: Option<Seq>, body: ReportBody) {
        if let Some(agent) = self.agents.get(node) {
            let boot = agent.boot.clone();
            self.after(
                delay,
                Happening::Say {
                    node: node.clone(),
                    boot,
                    cause,
                    body,
                },
            );
        }
    }

    /// The agent hands a report to the bus, unless it is gone by now.
    pub(super) fn say(&mut self, node: NodeId, boot: &str, cause: Option<Seq>, body: ReportBody) {
        let epoch = self.state.epoch;
        let Some(agent) = self
            .agents
            .get_mut(&node)
            .filter(|agent| agent.boot == boot && !agent.frozen)
        else {
            return;
        };
        match &body {
            ReportBody::ServiceExited(e) => {
                let started = agent.services.len();
                agent
                    .services
                    .retain(|known| *known != (e.instance.clone(), e.launch));
                if agent.services.len() == started {
                    return;
                }
            }
            ReportBody::Share(e) => {
                let due = agent.attempt.take_if(|due| *due == (e.trial.clone(), e.attempt));
                if due.is_none() {
                    return;
                }
            }
            _ => {}
        }
        agent.counter += 1;
        let id = ReportId {
            boot: boot.to_owned(),
            counter: agent.counter,
        };
        let ends = matches!(body, ReportBody::CollectionStopped { .. });
        let report = Report {
            id,
            epoch,
            cause,
            body,
        };
        self.deliver(node.clone(), report);
        if ends {
            // It ends once it has its receipt.
            let launch = self.agents.get(&node).map_or(0, |agent| agent.launch);
            self.after(USUAL, Happening::Leave(node, launch));
        }
    }

    /// An actor of an agent is told something.
    pub(super) fn tell(&mut self, node: &NodeId, command: AgentCommand) {
        let Some(agent) = self.agents.get_mut(node).filter(|agent| !agent.frozen) else {
            return;
        };
        if agent.seen.contains(&command.id) {
            return;
        }
        agent.seen.push(command.id);
        let cause = Some(command.cause);
        match command.body {
            CommandBody::LaunchService {
                instance,
                launch,
                rank,
                ..
            } => self.launch_service(node, cause, (instance, launch), rank.as_ref()),
            CommandBody::StopService { instance, launch } => {
                let fault = self.luck(&Point::StopService(instance.clone()));
                if let Some(delay) = self.delay(node, fault) {
                    self.report(
                        node,
                        delay,
                        cause,
                        exited(instance, launch, "signal 15 (SIGTERM)", true),
                    );
                }
            }
            CommandBody::Connect { endpoints, .. } => self.connect(node, cause, endpoints),
            CommandBody::Prepare { trial, attempt, .. } => self.prepare(node, cause, trial, attempt),
            CommandBody::Start { trial, attempt, .. } => {
                let fault = self.luck(&Point::Load(node.clone(), trial.clone(), attempt));
                let load = if fault == Fault::Fails {
                    0
                } else {
                    LOAD_SECONDS as u64 * 1000
                };
                self.hand_in(node, cause, (trial, attempt), fault, load);
            }
            CommandBody::StopAttempt { trial, attempt } => {
                let fault = self.luck(&Point::StopAttempt(node.clone(), trial.clone(), attempt));
                self.hand_in(node, cause, (trial, attempt), fault, 0);
            }
            // The reading before the load has no answer, nor has the end of all interest.
            CommandBody::Observe { .. }
            | CommandBody::ObserveLoad { .. }
            | CommandBody::LeaveObservation { .. } => {}
            CommandBody::FinishObservation { trial, attempt } => {
                let fault = self.luck(&Point::Observe(node.clone(), trial.clone(), attempt));
                let observed = ServiceObserved {
                    trial,
                    attempt,
                    node: node.clone(),
                    service: ServiceReport::default(),
                };
                self.answer(node, cause, fault, ReportBody::ServiceObserved(observed));
            }
            CommandBody::Collect => {
                let categories = vec!["system".to_owned()];
                let started = CollectionStarted {
                    node: node.clone(),
                    categories,
                };
                let fault = self.luck(&Point::Collect(node.clone()));
                self.answer(node, cause, fault, ReportBody::CollectionStarted(started));
            }
            CommandBody::FinishCollection => {
                let stopped = CollectionStopped {
                    node: node.clone(),
                    lines: 1,
                    dropped_bytes: 0,
                };
                let fault = self.luck(&Point::Finish(node.clone()));
                let files = Vec::new();
                self.answer(
                    node,
                    cause,
                    fault,
                    ReportBody::CollectionStopped { stopped, files },
                );
            }
        }
    }

    fn answer(&mut self, node: &NodeId, cause: Option<Seq>, fault: Fault, body: ReportBody) {
        if let Some(delay) = self.delay(node, fault) {
            self.report(node, delay, cause, body);
        }
    }

    fn hand_in(
        &mut self,
        node: &NodeId,
        cause: Option<Seq>,
        (trial, attempt): (TrialId, Attempt),
        fault: Fault,
        load: u64,
    ) {
        if let Some(delay) = self.delay(node, fault) {
            let problem = (fault == Fault::Fails).then_some("too many open files");
            let share = share(node, &trial, attempt, problem);
            self.report(node, delay + load, cause, ReportBody::Share(share));
        }
    }

    fn launch_service(
        &mut self,
        node: &NodeId,
        cause: Option<Seq>,
        (instance, launch): (InstanceId, u32),
        rank: Option<&ServiceRank>,
    ) {
        let is_head = rank.is_some_and(|rank| rank.index == 0);
        if let Some(rank) = rank {
            // The first one chooses, and the others are told.
            assert_eq!(rank.rendezvous.is_none(), is_head, "{rank:?}");
            assert_eq!(rank.head == instance, is_head, "{rank:?}");
        }
        let fault = self.luck(&Point::Service(instance.clone(), launch));
        if fault == Fault::Freezes {
            self.delay(node, fault);
            return;
        }
        if let Some(agent) = self.agents.get_mut(node) {
            agent.services.push((instance.clone(), launch));
        }
        let launched = ServiceLaunched {
            instance: instance.clone(),
            launch,
            pid: Some(8),
            command: vec!["serve".to_owned()],
            image: None,
            rendezvous: is_head.then(|| Rendezvous {
                more_ports: Vec::new(),
                image: None,
                address: "10.0.0.1".parse().unwrap(),
                port: 29_500,
            }),
        };
        self.report(node, USUAL, cause, ReportBody::ServiceLaunched(launched));
        let is_followed = rank.is_some() && !is_head;
        let ready = ServiceReady {
            instance: instance.clone(),
            launch,
            endpoints: vec![format!("http://{instance}:8000")],
            seconds: 0.3,
            models: vec!["m".to_owned()],
            load_seconds: None,
            outfit_seconds: None,
            first_token_seconds: None,
            remarks: Vec::new(),
        };
        let ready_after = match fault {
            Fault::Late(delay) => delay,
            _ => 3 * USUAL,
        };
        match fault {
            Fault::Fails => {
                let failed = ServiceFailed {
                    instance: instance.clone(),
                    launch,
                    reason: "not healthy within 20 s".to_owned(),
                    log_tail: vec!["CUDA out of memory".to_owned()],
                };
                self.report(node, 20_000, cause, ReportBody::ServiceFailed(failed));
                self.report(
                    node,
                    20_100,
                    cause,
                    exited(instance, launch, "signal 9 (SIGKILL)", true),
                );
            }
            Fault::EndsAfter(delay) => {
                if delay > ready_after && !is_followed {
                    self.report(node, ready_after, cause, ReportBody::ServiceReady(ready));
                }
                self.report(
                    node,
                    delay,
                    cause,
                    exited(instance, launch, "signal 11 (SIGSEGV)", false),
                );
            }
            Fault::Silent => {}
            // Only the first process of an instance answers.
            _ if is_followed => {}
            _ => self.report(node, ready_after, cause, ReportBody::ServiceReady(ready)),
        }
    }

    fn connect(&mut self, node: &NodeId, cause: Option<Seq>, endpoints: Vec<String>) {
        let fault = self.luck(&Point::Connect(node.clone()));
        let Some(delay) = self.delay(node, fault) else {
            return;
        };
        let body = if fault == Fault::Fails {
            ReportBody::ClientFailed(ClientFailed {
                node: node.clone(),
                reason: "connection refused".to_owned(),
            })
        } else {
            let probe = |url| EndpointProbe {
                url,
                connect_seconds: 0.001,
            };
            ReportBody::ClientConnected(ClientConnected {
                node: node.clone(),
                probes: endpoints.into_iter().map(probe).collect(),
                links: Vec::new(),
            })
        };
        self.report(node, delay, cause, body);
    }

    fn prepare(&mut self, node: &NodeId, cause: Option<Seq>, trial: TrialId, attempt: Attempt) {
        if let Some(agent) = self.agents.get_mut(node) {
            agent.attempt = Some((trial.clone(), attempt));
        }
        let fault = self.luck(&Point::Prepare(node.clone(), trial.clone(), attempt));
        let Some(delay) = self.delay(node, fault) else {
            return;
        };
        let body = if fault == Fault::Fails {
            ReportBody::Share(share(node, &trial, attempt, Some("the prompt file is gone")))
        } else {
            let node = node.clone();
            ReportBody::TrialPrepared(TrialPrepared { trial, attempt, node })
        };
        self.report(node, delay, cause, body);
    }

    pub(super) fn agent_launch(&self, node: &NodeId) -> Option<u32> {
        self.agents.get(node).map(|agent| agent.launch)
    }
}

fn exited(instance: InstanceId, launch: u32, how: &str, expected: bool) -> ReportBody {
    ReportBody::ServiceExited(ServiceExited {
        instance,
        launch,
        how: how.to_owned(),
        expected,
        diagnosis: None,
        log_tail: vec!["out".to_owned(), "of luck".to_owned()],
    })
}
