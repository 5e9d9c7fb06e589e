%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Test helper: the log of the modules under test, as messages to the test.

-module(ecm_log).

-export([lines/0, log/2, start/0]).

%% @doc Sends the log to the caller from now on, and not to the terminal.
start() ->
    _ = logger:remove_handler(?MODULE),
    _ = lines(),
    ok = logger:set_primary_config(level, debug),
    ok = logger:set_handler_config(default, level, none),
    ok = logger:add_handler(?MODULE, ?MODULE, #{config => #{reader => self()}}).

%% @doc Returns level and text of the log lines since the last call.
lines() ->
    receive
        {logged, Level, Text} -> [{Level, Text} | lines()]
    after 0 ->
        []
    end.

%% @private The callback of logger, in the process that logs.
log(#{level := Level, msg := Message}, #{config := #{reader := Reader}}) ->
    Reader ! {logged, Level, text(Message)}.

text({report, Report}) -> Report;
text({string, Text}) -> unicode:characters_to_list(Text);
text({Format, Arguments}) -> unicode:characters_to_list(io_lib:format(Format, Arguments)).
