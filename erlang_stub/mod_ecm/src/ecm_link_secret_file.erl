%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The file with the secret that a listener shares with its ECMs; made at the first start.

-module(ecm_link_secret_file).

-export([check/1, read/1]).
-export_type([state/0]).

-include_lib("kernel/include/file.hrl").

%% Bytes. An attacker can guess once per connection; but one who has seen a hello can guess offline.
-define(MIN_SIZE, 16).

%% Random bytes of a secret that is made here.
-define(RANDOM_SIZE, 32).

%% The owner writes, the group reads, and others nothing.
-define(MODE, 8#640).
-define(OTHERS, 8#007).

%% The state of the file: unchanged, new, or open to other users by this mode.
-type state() :: kept | made | {open, Mode :: non_neg_integer()}.

%% @doc Returns the content of a file without trailing white space, or why it is not a secret. A file
%% that does not exist is made, with a new secret.
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

%% @doc Returns why a file is not a secret. One that does not exist must be in a folder where it can be made.
-spec check(file:filename_all()) -> ok | {error, unicode:chardata()}.
check(Path) ->
    case file:read_file(Path) of
        {error, enoent} -> is_writable(Path, file:read_file_info(filename:dirname(Path)));
        _ -> is_secret(read(Path))
    end.

-spec is_writable(file:filename_all(), {ok, file:file_info()} | {error, term()}) -> ok | {error, unicode:chardata()}.
is_writable(_, {ok, #file_info{type = directory, access = Access}}) when Access =:= write; Access =:= read_write -> ok;
is_writable(Path, {ok, _}) -> made(Path, {error, eacces});
is_writable(Path, {error, Reason}) -> made(Path, {error, Reason}).

-spec is_secret({ok, binary(), state()} | {error, unicode:chardata()}) -> ok | {error, unicode:chardata()}.
is_secret({ok, _, _}) -> ok;
is_secret(Error) -> Error.

-spec check(file:filename_all(), binary()) ->
    {ok, binary(), state()} | {error, unicode:chardata()}.
check(Path, Secret) when byte_size(Secret) >= ?MIN_SIZE ->
    {ok, Secret, state(file:read_file_info(Path))};
check(Path, Secret) ->
    {error, io_lib:format("the secret in ~ts has ~B bytes, it needs at least ~B",
                          [Path, byte_size(Secret), ?MIN_SIZE])}.

-spec state({ok, file:file_info()} | {error, term()}) -> state().
state({ok, #file_info{mode = Mode}}) when Mode band ?OTHERS =/= 0 -> {open, Mode band 8#777};
state(_) -> kept.

%% Another process may have made it meanwhile.
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

%% The file appears under its name complete and with its final mode: it is written as a draft, and
%% then linked.
-spec make(file:filename_all()) -> ok | {error, term()}.
make(Path) ->
    Draft = unicode:characters_to_binary([Path, $., ecm_link_auth:nonce()]),
    Secret = [base64:encode(crypto:strong_rand_bytes(?RANDOM_SIZE)), $\n],
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
