%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Checks of a listener's options together, while ejabberd reads its configuration: what it finds wrong then, it
%% refuses as a whole, and goes on as it is. What a listener finds wrong at its start, it can only log, and its
%% predecessor has been closed by then.
%%
%% ejabberd validates one option after the other, in the order of ejabberd.yml, and shows none of them the others. So
%% each is noted, in the process that validates, and compared with those before it. An option that is not written
%% conflicts with none (ecm_listener_options:option/2).

-module(ecm_listener_validation).

-export([begin_listener/0, conflict/1, noted/2, secret/1]).

%% Whoever writes a default says nothing.
-define(DEFAULT_MODE, 8#660).

%% @doc Forgets the options of the listener before: ejabberd asks for those that there are at the beginning of each.
-spec begin_listener() -> ok.
begin_listener() ->
    _ = erase(?MODULE),
    ok.

%% @doc Returns the validator of an option, which fits those before it, too.
-spec noted(Option :: atom(), econf:validator()) -> econf:validator().
noted(Option, Type) ->
    econf:and_then(Type, fun(Value) -> compare(note(Option, Value)), Value end).

-spec note(atom(), term()) -> #{atom() => term()}.
note(Option, Value) ->
    Noted = case get(?MODULE) of
                undefined -> #{Option => Value};
                Before -> Before#{Option => Value}
            end,
    _ = put(?MODULE, Noted),
    Noted.

-spec compare(#{atom() => term()}) -> ok.
compare(#{dead_time := Time} = Noted) ->
    compare((maps:remove(dead_time, Noted))#{link_timeout => Time});
compare(Noted) ->
    case conflict(Noted) of
        none -> ok;
        Text -> econf:fail({invalid_syntax, Text})
    end.

%% @doc Returns what is wrong with options together, for whoever has written them.
-spec conflict(#{atom() => term()}) -> none | binary().
conflict(#{ping_interval := Interval, link_timeout := Time}) when Interval >= Time ->
    <<"'link_timeout' must be longer than 'ping_interval'">>;
conflict(#{max_stanza_to_client := Longest, max_waiting_size := Size}) when Longest > Size ->
    <<"'max_waiting_size' must hold a stanza of 'max_stanza_to_client'">>;
conflict(#{protocol := plain, secret_file := File}) when File =/= undefined ->
    <<"'protocol: plain' has no secret, leave out 'secret_file'">>;
conflict(#{port := Port, socket_mode := Mode}) when is_integer(Port), Mode =/= ?DEFAULT_MODE ->
    <<"'socket_mode' is for a UNIX socket">>;
conflict(#{port := Port, socket_group := _}) when is_integer(Port) ->
    <<"'socket_group' is for a UNIX socket">>;
conflict(_) ->
    none.

%% @doc Checks the file of a secret when the configuration is read again. At the start of ejabberd, the rest of it must
%% not depend on this file: then the listener says what is wrong.
-spec secret(Path) -> Path when Path :: binary().
secret(Path) ->
    case whereis(ejabberd_listener) =:= undefined orelse ecm_link_secret_file:check(Path) of
        {error, Text} -> econf:fail({invalid_syntax, unicode:characters_to_binary(Text)});
        _ -> Path
    end.
