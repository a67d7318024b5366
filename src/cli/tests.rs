//! What was typed becomes what is done: flags, exit codes, the words of commands.
