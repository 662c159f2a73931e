//! Porchlight: takes webhooks, proves that each is genuine, writes it to disk, and hands it to
//! scripts that decide what to do.
//!
//! This crate wires the others together: configuration, the dispatcher, the command line. It
//! knows no protocol details; those live in the crates below.

mod act;
mod brokers;
mod check;
mod cli;
mod config;
mod discovery;
mod dispatch;
mod doctor;
mod gate;
mod greet;
mod home;
mod list;
mod listen;
mod log;
mod new;
mod outgoing;
mod output;
mod performing;
mod reference;
mod rehearse;
mod remembered;
mod replay;
mod request;
mod run;
mod scripts;
mod send;
mod shadow;
mod state_command;
mod telling;
mod test;
mod usual;
mod verify;
mod versions;
mod whereabouts;

use clap::Parser;
use cli::{ActionsCommand, Cli, Command};
use home::Home;
use porchlight_core::Timestamp;
use std::process::ExitCode;
use std::sync::Arc;

/// Tells what time it is.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How a command ends, as its exit code; see `--help`.
pub enum Ending {
    /// 0: done.
    Done,
    /// 1: a mistake in the configuration or a script, or nothing found. It has been told already.
    Mistake,
    /// 3: could not start, or the host was not reached; with the reason.
    Failed(String),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(message) = log::start(&cli.log) {
        output::complain(&message);
        return ExitCode::from(2);
    }
    let home = Home::new(&cli.home.home);
    let ending = match cli.command {
        None => run::run(&home, &cli.run),
        Some(Command::Run(args)) => {
            let listen = args.listen.or(cli.run.listen);
            run::run(&home, &cli::RunArgs { listen })
        }
        Some(Command::Check { json, against }) => match check::check(&home, json) {
            Ending::Done => against.map_or(Ending::Done, |since| shadow::check(&home, &since)),
            mistakes => mistakes,
        },
        Some(Command::Send(args)) => send::send(&home, &args),
        Some(Command::Doctor(args)) => doctor::doctor(&home, &args),
        Some(Command::Act(args)) => act::act(&home, &args),
        Some(Command::Verify(args)) => verify::verify(&home, &args),
        Some(Command::Events(args)) if args.refused => list::refused(&home, &args.list),
        Some(Command::Events(args)) => list::events(&home, &args.list),
        Some(Command::Runs(args)) => list::runs(&home, &args),
        Some(Command::Actions {
            what: Some(ActionsCommand::Retry(args)),
            ..
        }) => list::actions::retry(&home, &args),
        Some(Command::Actions { what: None, list }) => list::actions::actions(&home, &list),
        Some(Command::Replay(args)) => replay::replay(&home, &args),
        Some(Command::Test(args)) => test::test(&home, &args),
        Some(Command::State { what, json }) => state_command::state(&home, what, json),
        Some(Command::Reference(args)) => reference::reference(&args),
        Some(Command::New { name }) => new::new(&home, &name),
    };
    match ending {
        Ending::Done => ExitCode::SUCCESS,
        Ending::Mistake => ExitCode::from(1),
        Ending::Failed(message) => {
            output::complain(&message);
            ExitCode::from(3)
        }
    }
}
