//! The `groupsim` command; everything is in the library.

fn main() -> std::process::ExitCode {
    groupsim::cli::main()
}
