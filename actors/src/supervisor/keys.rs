//! What proves to a service that it is this run that asks. What a run makes up for that is another text in each epoch, and stands in no
//! file, event or argument list.

use hpcbench_core::InstanceId;
use hpcbench_nats::Secret;
use hpcbench_recipes::ServicePlan;
use hpcbench_services::{ApiKey, Token};
use sha2::{Digest, Sha256};

use super::environment::secrets;
use crate::agent::AgentContext;
use crate::shell::{describe, hex};

/// What the run's key is made of, in place of an instance's id; no id has a slash.
const OF_THE_RUN: &str = "api/key";

/// The texts that an instance's variables get.
pub(super) struct Tokens {
    instance: String,
    api_key: String,
}

impl Tokens {
    /// Those of the instance whose first process is this one.
    pub(super) fn new(secret: &Secret, head: &InstanceId) -> Self {
        Self {
            instance: token(secret, head.as_str()),
            api_key: token(secret, OF_THE_RUN),
        }
    }

    pub(super) fn text(&self, token: Token) -> &str {
        match token {
            Token::Instance => &self.instance,
            Token::ApiKey => &self.api_key,
        }
    }
}

/// The key that a service of this configuration asks for.
pub(crate) fn api_key(context: &AgentContext, plan: &ServicePlan, key: &ApiKey) -> Result<String, String> {
    match key {
        ApiKey::OfTheRun => Ok(token(&context.service_secret, OF_THE_RUN)),
        ApiKey::Secret(name) => {
            let mut values = secrets(&plan.secrets).map_err(|error| describe(&error))?;
            let value = values.remove(name);
            value.ok_or_else(|| format!("the API key {name} is not among the secrets"))
        }
    }
}

fn token(secret: &Secret, of: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(secret.expose());
    hash.update([0]);
    hash.update(of);
    hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use hpcbench_nats::SECRET_BYTES;

    use super::*;

    #[test]
    fn tokens_are_of_the_instance_and_of_the_epoch() {
        let [one, other] = [1, 2].map(|byte| Secret::from_random([byte; SECRET_BYTES]));
        let tokens = |secret, node: &str| Tokens::new(secret, &InstanceId::new(&node.parse().unwrap(), 0));
        let (a, b, later) = (tokens(&one, "a"), tokens(&one, "b"), tokens(&other, "a"));
        let text = |tokens: &Tokens| tokens.text(Token::Instance).to_owned();
        assert_eq!(text(&a), text(&tokens(&one, "a")));
        assert!(text(&a) != text(&b) && text(&a) != text(&later));
        assert_eq!(text(&a).len(), 64);
        assert!(!text(&a).contains(one.expose()));
    }

    #[test]
    fn all_instances_of_an_epoch_ask_for_one_key() {
        let [one, other] = [1, 2].map(|byte| Secret::from_random([byte; SECRET_BYTES]));
        let key = |secret, node: &str| {
            let tokens = Tokens::new(secret, &InstanceId::new(&node.parse().unwrap(), 0));
            tokens.text(Token::ApiKey).to_owned()
        };
        assert_eq!(key(&one, "a"), key(&one, "b"));
        assert_ne!(key(&one, "a"), key(&other, "a"));
    }
}
