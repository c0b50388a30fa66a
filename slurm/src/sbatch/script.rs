//! The job script.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value, context,
};

use super::JobCommand;
use super::options::{Opt, options};
use crate::layout::{Host, Layout};
use crate::step::INHERITED_OPTIONS;

const TEMPLATE: &str = include_str!("../../templates/job.sh.j2");

/// The job script could not be rendered.
#[derive(Debug, thiserror::Error)]
#[error("the job script could not be rendered")]
pub struct ScriptError(#[from] Error);

/// The script that a job runs.
///
/// Whatever the template prints is quoted for the shell, unless this function vouches for it: options without a
/// character that means anything to Slurm or a shell, names of variables, and the site's own lines.
///
/// # Errors
/// A text cannot be quoted.
pub fn job_script(layout: &Layout, command: &JobCommand) -> Result<String, ScriptError> {
    let components: Vec<Value> = options(layout, command)
        .iter()
        .zip(&layout.components)
        .map(|(options, component)| {
            let options: Vec<Value> = options.iter().map(line).collect();
            let hosts: Vec<Value> = component.hosts.iter().map(roles).collect();
            context! { options, hosts }
        })
        .collect();
    let variables = command.environment().iter();
    let environment: Vec<Value> = variables
        .map(|(name, value)| Value::from(vec![vouched(name), Value::from(value.as_str())]))
        .collect();
    let modules: Vec<Value> = layout
        .modules
        .iter()
        .map(|module| module.value.as_str().into())
        .collect();
    let arguments: Vec<Value> = command
        .arguments()
        .iter()
        .map(|word| word.as_str().into())
        .collect();
    let preamble: Vec<Value> = layout.preamble.iter().map(|line| vouched(line)).collect();
    let step_options: Vec<Value> = INHERITED_OPTIONS.iter().map(|name| vouched(name)).collect();
    let text = environment_for_scripts()?.render_str(
        TEMPLATE,
        context! {
            components,
            environment,
            modules,
            preamble,
            step_options,
            program => command.program(),
            arguments,
            ended => command.ended(),
        },
    )?;
    Ok(text)
}

/// The plan's nodes that share a host: tokens of letters, digits and dashes.
fn roles(host: &Host) -> Value {
    let nodes: Vec<&str> = host.nodes.iter().map(|node| node.node.as_str()).collect();
    vouched(&nodes.join("+"))
}

fn line(option: &Opt) -> Value {
    let name = if option.is_plain() {
        option.name()
    } else {
        plain_name(option)
    };
    context! {
        plain => option.is_plain(),
        text => vouched(option.as_str()),
        name => vouched(name),
    }
}

/// The name of an option whose value is not plain; names of our own and checked directives always are.
fn plain_name(option: &Opt) -> &str {
    let name = option.name();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if name.bytes().all(plain) {
        name
    } else {
        "An option"
    }
}

fn vouched(text: &str) -> Value {
    Value::from_safe_string(text.to_owned())
}

/// Templates whose every value is quoted for the shell, and in which nothing may be missing.
fn environment_for_scripts() -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()?;
    environment.set_syntax(syntax);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Custom("shell".into()));
    environment.set_formatter(write_quoted);
    Ok(environment)
}

fn write_quoted(out: &mut Output<'_>, _: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let unprintable = |text: String| Error::new(ErrorKind::InvalidOperation, text);
    match value.kind() {
        ValueKind::String if value.is_safe() => {
            let text = value.as_str().unwrap_or_default();
            out.write_str(text).map_err(Error::from)
        }
        ValueKind::String | ValueKind::Number => {
            let text = value.to_string();
            let quoted = shlex::try_quote(&text).map_err(|error| unprintable(error.to_string()))?;
            out.write_str(&quoted).map_err(Error::from)
        }
        kind => Err(unprintable(format!(
            "a shell script cannot hold a value of kind {kind}"
        ))),
    }
}
