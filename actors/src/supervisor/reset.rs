//! Making services forget what former trials have left in their caches.

use std::time::Duration;

use hpcbench_recipes::ServicePlan;
use hpcbench_services::{ServiceEndpoint, find};

use super::endpoints::declared;
use super::probe::{Server, server};
use crate::agent::AgentContext;
use crate::shell::describe;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is asked: what was cancelled with a load is held for a moment.
const TRIES: u32 = 10;
/// Time between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// Empties the caches of a service's instances at these URLs, where its kind can do that. A cache that stays is no error: each
/// trial's prompts are its own.
pub(crate) async fn reset(context: &AgentContext, plan: &ServicePlan, urls: &[String]) {
    let Some(path) = find(&plan.kind).and_then(|service| service.reset(plan)) else {
        return;
    };
    for url in urls {
        if let Err(problem) = empty(context, plan, url, path).await {
            tracing::warn!("the cache of {url} was not emptied: {problem}");
        }
    }
}

async fn empty(context: &AgentContext, plan: &ServicePlan, url: &str, path: &str) -> Result<(), String> {
    let url = url.parse().map_err(|error| describe(&error))?;
    let alike = declared(context, plan)?.into_iter().next();
    let alike = alike.ok_or("it has no endpoint")?;
    let endpoint = ServiceEndpoint { url, ..alike };
    let server = server(context, plan, &endpoint).await?;
    let mut last = ask(&server, path).await;
    for _ in 1..TRIES {
        if last.is_ok() {
            break;
        }
        tokio::time::sleep(PAUSE).await;
        last = ask(&server, path).await;
    }
    last
}

async fn ask(server: &Server<'_>, path: &str) -> Result<(), String> {
    let answer = server.post(path, &serde_json::json!({}), PATIENCE).await;
    let (status, body) = answer.map_err(|error| describe(&error))?;
    if is_done(status, &body) {
        Ok(())
    } else {
        let said = String::from_utf8_lossy(&body);
        Err(format!("status {status}: {}", said.trim()))
    }
}

/// Some versions say in their answer whether it was done, others do not.
fn is_done(status: u16, body: &[u8]) -> bool {
    let said: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    (200..300).contains(&status) && said["success"] != false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_still_in_use_is_not_done() {
        assert!(is_done(200, b"") && is_done(200, br#"{"success":true}"#));
        assert!(!is_done(200, br#"{"success":false}"#) && !is_done(404, b"{}"));
    }
}
