%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The secret of a listener, by which it and its ECMs know each other (docs/protocol.md).

-module(ecm_secret).

-export([nonce/0, read/1]).

%% Bytes. A guesser has one try for each connection; but who sees one hello can try at home.
-define(LEAST_SIZE, 16).

%% @doc Returns what makes each proof of the secret another one: 32 hexadecimal digits.
-spec nonce() -> binary().
nonce() ->
    <<Number:128>> = crypto:strong_rand_bytes(16),
    iolist_to_binary(io_lib:format("~32.16.0b", [Number])).

%% @doc Returns what a file holds, without the white space at its end, or why it is no secret.
-spec read(file:filename_all()) -> {ok, binary()} | {error, unicode:chardata()}.
read(Path) ->
    case file:read_file(Path) of
        {ok, Content} ->
            check(Path, re:replace(Content, "[ \\t\\n\\x0b\\f\\r]+\\z", "", [{return, binary}]));
        {error, Reason} ->
            {error, io_lib:format("cannot read ~ts: ~ts", [Path, file:format_error(Reason)])}
    end.

-spec check(file:filename_all(), binary()) -> {ok, binary()} | {error, unicode:chardata()}.
check(_, Secret) when byte_size(Secret) >= ?LEAST_SIZE ->
    {ok, Secret};
check(Path, Secret) ->
    {error, io_lib:format("the secret in ~ts has ~B bytes, it needs at least ~B",
                          [Path, byte_size(Secret), ?LEAST_SIZE])}.
