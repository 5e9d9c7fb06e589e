%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The secret of a listener, by which it and its ECMs know each other (docs/protocol.md).

-module(ecm_link_auth).

-export([nonce/0, read/1]).
-export_type([state/0]).

-include_lib("kernel/include/file.hrl").

%% Bytes. A guesser has one try for each connection; but who sees one hello can try at home.
-define(LEAST_SIZE, 16).

%% Bytes at random of a secret that is made here.
-define(MADE_SIZE, 32).

%% The owner writes, the group reads, and others nothing.
-define(MODE, 8#640).
-define(OTHERS, 8#007).

%% What there is to say of a file with a secret: it is new, or others can read or write it.
-type state() :: kept | made | {open, Mode :: non_neg_integer()}.

%% @doc Returns what makes each proof of the secret another one: 32 hexadecimal digits.
-spec nonce() -> binary().
nonce() ->
    <<Number:128>> = crypto:strong_rand_bytes(16),
    iolist_to_binary(io_lib:format("~32.16.0b", [Number])).

%% @doc Returns what a file holds, without the white space at its end, or why it is no secret. Where
%% there is no such file, one with a new secret is made.
-spec read(file:filename_all()) -> {ok, binary(), state()} | {error, unicode:chardata()}.
read(Path) ->
    case file:read_file(Path) of
        {ok, Content} ->
            check(Path, re:replace(Content, "[ \\t\\n\\x0b\\f\\r]+\\z", "", [{return, binary}]));
        {error, enoent} ->
            made(Path, make(Path));
        {error, Reason} ->
            {error, io_lib:format("cannot read ~ts: ~ts", [Path, file:format_error(Reason)])}
    end.

-spec check(file:filename_all(), binary()) ->
    {ok, binary(), state()} | {error, unicode:chardata()}.
check(Path, Secret) when byte_size(Secret) >= ?LEAST_SIZE ->
    {ok, Secret, state(file:read_file_info(Path))};
check(Path, Secret) ->
    {error, io_lib:format("the secret in ~ts has ~B bytes, it needs at least ~B",
                          [Path, byte_size(Secret), ?LEAST_SIZE])}.

-spec state({ok, file:file_info()} | {error, term()}) -> state().
state({ok, #file_info{mode = Mode}}) when Mode band ?OTHERS =/= 0 -> {open, Mode band 8#777};
state(_) -> kept.

%% Somebody else may have made it meanwhile.
-spec made(file:filename_all(), ok | {error, term()}) ->
    {ok, binary(), state()} | {error, unicode:chardata()}.
made(Path, ok) ->
    case read(Path) of
        {ok, Secret, kept} -> {ok, Secret, made};
        Other -> Other
    end;
made(Path, {error, eexist}) ->
    read(Path);
made(Path, {error, Reason}) ->
    {error, io_lib:format("cannot make ~ts: ~ts", [Path, file:format_error(Reason)])}.

%% It appears under its name whole, and with its rights.
-spec make(file:filename_all()) -> ok | {error, term()}.
make(Path) ->
    Draft = unicode:characters_to_binary([Path, $., nonce()]),
    Secret = [base64:encode(crypto:strong_rand_bytes(?MADE_SIZE)), $\n],
    Made = steps([fun() -> file:write_file(Draft, <<>>, [exclusive]) end,
                  fun() -> file:change_mode(Draft, ?MODE) end,
                  fun() -> file:write_file(Draft, Secret) end,
                  fun() -> file:make_link(Draft, Path) end]),
    _ = file:delete(Draft),
    Made.

-spec steps([fun(() -> ok | {error, term()})]) -> ok | {error, term()}.
steps([]) -> ok;
steps([Step | Steps]) ->
    case Step() of
        ok -> steps(Steps);
        {error, Reason} -> {error, Reason}
    end.
