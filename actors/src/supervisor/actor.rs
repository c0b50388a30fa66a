//! The actor.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::{Actor, Context, Handler};
use hpcbench_core::event::ServiceFailed;
use hpcbench_core::message::{CommandBody, ReportBody};
use hpcbench_core::{InstanceId, Seq};
use tokio::sync::watch;

use super::instance::{Order, supervise};
use crate::agent::{AgentContext, Deliver};
use crate::shell::catch_future;

/// Starts, watches and stops service instances.
pub struct Supervisor {
    context: Arc<AgentContext>,
    /// The latest start of each instance, and how it is told to stop.
    stops: BTreeMap<InstanceId, (u32, watch::Sender<Option<Seq>>)>,
}

impl Supervisor {
    /// A supervisor without instances.
    pub const fn new(context: Arc<AgentContext>) -> Self {
        Self {
            context,
            stops: BTreeMap::new(),
        }
    }

    fn launch(&mut self, order: Order) {
        let (stop, stopped) = watch::channel(None);
        let (id, launch, cause) = (order.id.clone(), order.launch, order.cause);
        self.stops.insert(id.clone(), (launch, stop));
        let context = Arc::clone(&self.context);
        let outbox = self.context.outbox.clone();
        actix::spawn(async move {
            if let Err(reason) = catch_future(supervise(context, order, stopped)).await {
                let failed = ServiceFailed {
                    instance: id,
                    launch,
                    reason,
                    log_tail: Vec::new(),
                };
                outbox.report(Some(cause), ReportBody::ServiceFailed(failed));
            }
        });
    }

    fn stop(&self, id: &InstanceId, launch: u32, cause: Seq) -> Result<(), String> {
        match self.stops.get(id) {
            Some((latest, stop)) if *latest == launch => {
                stop.send_replace(Some(cause));
                Ok(())
            }
            _ => Err(format!("start {launch} of {id} is not known here")),
        }
    }
}

impl Actor for Supervisor {
    type Context = Context<Self>;
}

impl Handler<Deliver> for Supervisor {
    type Result = Result<(), String>;

    fn handle(&mut self, Deliver(command): Deliver, _: &mut Context<Self>) -> Result<(), String> {
        let cause = command.cause;
        match command.body {
            CommandBody::LaunchService {
                service,
                instance,
                launch,
                rank,
            } => {
                self.launch(Order {
                    service,
                    id: instance,
                    launch,
                    rank,
                    cause,
                });
                Ok(())
            }
            CommandBody::StopService { instance, launch } => self.stop(&instance, launch, cause),
            _ => Err("this is no command for a supervisor".to_owned()),
        }
    }
}
