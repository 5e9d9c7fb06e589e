%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The links of this node that resume, by their tokens (docs/protocol.md of Megaphone).
%%
%% The table belongs to the supervisor of the writers, and goes with them. A writer has the entry of its link,
%% and is the only one that writes to it.

-module(ecm_link_tokens).

-export([attached/2, broken/1, delete/1, find/1, insert/4, is_broken/1, new/0, new_table/0]).
-export_type([token/0]).

%% Links that are kept without a connection, at most: an ECM has one for each worker, and a peer could make
%% any number. Each may have as many bytes waiting as one with a connection.
-define(MAX_BROKEN, 256).

%% 32 hexadecimal digits, lower case. Whoever knows it can take the link.
-type token() :: binary().

%% `link' is what its writer says of it, for whoever finds it. `reader' is the process of its connection, or
%% the time, in monotonic milliseconds, since when there is none.
-record(entry, {token :: token(), pid :: pid(), link :: term(), reader :: pid() | integer()}).

%% @doc Makes the table, which belongs to the calling process.
-spec new_table() -> ok.
new_table() ->
    ?MODULE = ets:new(?MODULE, [named_table, public, {keypos, #entry.token}]),
    ok.

%% @doc Returns a token that nobody can guess.
-spec new() -> token().
new() ->
    ecm_link_auth:nonce().

%% @doc Enters the link of the calling writer.
-spec insert(token(), pid(), Link :: term(), Reader :: pid()) -> ok.
insert(Token, Pid, Link, Reader) ->
    _ = living(),
    true = ets:insert(?MODULE, #entry{token = Token, pid = Pid, link = Link, reader = Reader}),
    ok.

%% @doc Returns a link, and the process of its connection if it has one.
-spec find(token()) -> {ok, Link :: term(), Reader :: pid() | none} | error.
find(Token) ->
    case ets:lookup(?MODULE, Token) of
        [#entry{link = Link, reader = Reader}] when is_pid(Reader) -> {ok, Link, Reader};
        [#entry{link = Link}] -> {ok, Link, none};
        [] -> error
    end.

%% @doc Returns whether the link of this writer has no connection, also if the writer does not know that yet.
-spec is_broken(pid()) -> boolean().
is_broken(Writer) ->
    Head = erlang:make_tuple(record_info(size, entry), '_', [{1, entry}, {#entry.pid, Writer}, {#entry.reader, '$1'}]),
    try ets:select(?MODULE, [{Head, [], ['$1']}]) of
        [Reader] when is_pid(Reader) -> not is_process_alive(Reader);
        Found -> Found =/= []
    catch
        error:badarg -> false  % there are no links
    end.

%% @doc Notes that a link has this connection now.
-spec attached(token(), Reader :: pid()) -> ok.
attached(Token, Reader) ->
    true = ets:update_element(?MODULE, Token, {#entry.reader, Reader}),
    ok.

%% @doc Notes that a link has no connection now. Returns the writers of those which are too many, the oldest
%% first.
-spec broken(token()) -> [pid()].
broken(Token) ->
    true = ets:update_element(?MODULE, Token, {#entry.reader, erlang:monotonic_time(millisecond)}),
    Broken = lists:sort([{Since, Pid} || #entry{reader = Since, pid = Pid} <- living(), is_integer(Since)]),
    [Pid || {_, Pid} <- lists:sublist(Broken, max(0, length(Broken) - ?MAX_BROKEN))].

%% Writers that others have ended have left their entries, which are dropped here.
-spec living() -> [#entry{}].
living() ->
    {Living, Dead} = lists:partition(fun(#entry{pid = Pid}) -> is_process_alive(Pid) end,
                                     ets:tab2list(?MODULE)),
    lists:foreach(fun(#entry{token = Token}) -> delete(Token) end, Dead),
    Living.

-spec delete(token()) -> ok.
delete(Token) ->
    true = ets:delete(?MODULE, Token),
    ok.
