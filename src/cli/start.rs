//! From the arguments to the exit code.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use super::args::{Cli, Command};
use super::context::{Context, Interrupt};
use super::failure::Failure;
use super::{
    build, check, completions, config, deploy, gc, graph, history, init, lab, man, release,
    rollback, run, status, test, units,
};
use crate::domain::failure::Kind;

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match start(cli) {
        Ok(code) => code,
        Err(error) => last_words(&format!("{error:#}")),
    }
}

fn start(cli: Cli) -> anyhow::Result<ExitCode> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.enable_all().build();
    let runtime = runtime.context("failed to start the runtime")?;
    let code = runtime.block_on(begin(cli));
    // A blocking read of a terminal or a frozen host must not hold up the exit.
    runtime.shutdown_background();
    Ok(code)
}

async fn begin(cli: Cli) -> ExitCode {
    let Cli {
        definition,
        global,
        command,
    } = cli;
    let context = Context::new(definition, global, listen_for_signals());
    let result = dispatch(&context, command).await;
    let kind = match &result {
        Ok(()) => None,
        Err(failure) => Some(failure.kind),
    };
    if let Err(failure) = result {
        tell(&context, &failure);
    }
    ExitCode::from(kind.map_or(0, Kind::exit_code))
}

async fn dispatch(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Init(arguments) => init::run(context, &arguments),
        Command::Check => check::run(context),
        Command::Config => config::run(context),
        Command::Graph(arguments) => graph::run(context, &arguments),
        Command::Build(arguments) => build::run(context, arguments).await,
        Command::Test(arguments) => test::run(context, arguments).await,
        Command::Gc(arguments) => gc::run(context, &arguments).await,
        Command::Units(arguments) => units::run(context, arguments).await,
        Command::Lab(arguments) => lab::run(context, arguments).await,
        Command::Release(arguments) => release::run(context, arguments).await,
        Command::Run(arguments) => run::run(context, arguments).await,
        Command::Plan(arguments) => deploy::plan(context, arguments).await,
        Command::Deploy(arguments) => deploy::deploy(context, arguments).await,
        Command::Rollback(arguments) => rollback::run(context, arguments).await,
        Command::Status(arguments) => status::run(context, arguments).await,
        Command::History(arguments) => history::run(context, arguments).await,
        Command::Completions(arguments) => completions::run(context, &arguments),
        Command::Man => man::run(context),
    }
}

fn tell(context: &Context, failure: &Failure) {
    let output = context.output;
    if output.json() {
        if failure.silent {
            return;
        }
        output.object(&failure.for_programs());
    } else {
        let text = failure.for_people(output.colour_err);
        if !text.is_empty() {
            output.tell(text.trim_end());
        }
    }
}

/// Counts SIGINT and SIGTERM; the third ends the process. A platform without them is left with the default behaviour.
fn listen_for_signals() -> Interrupt {
    let interrupt = Interrupt::default();
    let told = interrupt.clone();
    if let (Ok(mut int), Ok(mut term)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) {
        tokio::spawn(async move {
            loop {
                tokio::select! { _ = int.recv() => {} _ = term.recv() => {} }
                if told.second.is_cancelled() {
                    // What does not end by now does not end by itself.
                    std::process::exit(Kind::Interrupted.exit_code().into());
                }
                if told.first.is_cancelled() {
                    told.second.cancel();
                }
                told.first.cancel();
            }
        });
    }
    interrupt
}

fn last_words(message: &str) -> ExitCode {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "error: {message}");
    ExitCode::from(Kind::Bug.exit_code())
}
