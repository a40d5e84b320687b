//! `trailhound completions`: a completion script.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::exit_code::{Exit, Outcome};
use crate::output::print;
use crate::talk::Talk;

pub(crate) fn run(shell: Shell, talk: Talk) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "trailhound", &mut script);
    print(talk, |out| out.write_all(&script))?;
    Ok(Exit::Fine)
}
