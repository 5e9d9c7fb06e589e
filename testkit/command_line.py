"""The command line of twistd ecm, parsed."""

from ecm.config.command_line import Options


def parse(*arguments: str) -> Options:
    options = Options()
    options.parseOptions(list(arguments))
    return options
