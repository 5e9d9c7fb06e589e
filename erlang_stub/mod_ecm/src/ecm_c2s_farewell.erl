%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The last answers of sessions that ended while no request was held: their clients get them with the
%% next request, for as long as a client may be silent. After that, there is no such session.
%%
%% The table is the node's own. The process removes the rows that have expired. A session that is alive
%% has no row.

-module(ecm_c2s_farewell).
-behaviour(gen_server).

-export([answer/3, leave/4, leave/5, new_tables/0, start_link/0]).
-export([handle_call/3, handle_cast/2, handle_info/2, init/1]).

%% Sessions that are remembered at a time. One takes some 200 bytes, if others have ended for the same
%% reason; and if so many end, they have.
-define(MAX_ROWS, 100000).

%% Milliseconds between two removals of expired rows.
-define(SWEEP, 10000).

%% Rows: {{Session, Nonce}, Head, Body, Due}, and {Body}, the one copy that all of these share.
-define(BODIES, ecm_c2s_farewell_bodies).

%% @doc Makes the tables. They belong to the caller, the supervisor: farewells outlive the process of
%% this module.
-spec new_tables() -> ok.
new_tables() ->
    ?MODULE = ets:new(?MODULE, [named_table, public, {write_concurrency, true}]),
    ?BODIES = ets:new(?BODIES, [named_table, public, {write_concurrency, true}]),
    ok.

-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% @doc Leaves an answer for the clients of the calling session, which has this nonce, for so many
%% milliseconds. Without it they are told that there is no such session.
-spec leave(ecm_sid:nonce(), ecm_link_answer:head(), Body :: binary(), Milliseconds :: pos_integer()) ->
    ok.
leave(Nonce, Head, Body, Milliseconds) ->
    leave(self(), Nonce, Head, Body, Milliseconds).

%% @doc The same for a session that has no process any more.
-spec leave(pid(), ecm_sid:nonce(), ecm_link_answer:head(), Body :: binary(), Milliseconds :: pos_integer()) ->
    ok.
leave(Session, Nonce, Head, Body, Milliseconds) ->
    case ets:info(?MODULE, size) of
        undefined -> ok;  % the supervisor is starting again
        Size when Size >= ?MAX_ROWS -> ok;
        _ -> insert({{Session, Nonce}, Head, shared(Body), now_ms() + Milliseconds})
    end.

-spec insert(tuple()) -> ok.
insert(Row) ->
    try true = ets:insert(?MODULE, Row), ok
    catch error:badarg -> ok  % the table has gone, with the supervisor
    end.

%% A binary of more than 64 bytes is not copied into a table: the rows refer to the same one.
-spec shared(binary()) -> binary().
shared(Body) ->
    try ets:insert_new(?BODIES, {Body}), ets:lookup(?BODIES, Body) of
        [{Shared}] -> Shared;
        [] -> Body  % it was swept meanwhile
    catch
        error:badarg -> Body  % the table has gone
    end.

-spec lookup(atom(), term()) -> [tuple()].
lookup(Table, Key) ->
    try ets:lookup(Table, Key)
    catch error:badarg -> []
    end.

%% @doc Answers a request for a session of this node that has ended.
-spec answer(Session :: pid(), ecm_sid:nonce(), ecm_link_writer:exchange()) -> ok.
answer(Session, Nonce, {Writer, Id, _}) ->
    {Head, Body} = farewell(lookup(?MODULE, {Session, Nonce})),
    ecm_link_writer:answer(Writer, Id, Head, Body).

-spec farewell([tuple()]) -> {ecm_link_answer:head(), Body :: binary()}.
farewell([{_, Head, Body, _}]) -> {Head, Body};
farewell([]) -> ecm_bosh_answer:refusal(<<"item-not-found">>).

-spec now_ms() -> integer().
now_ms() ->
    erlang:monotonic_time(millisecond).

%% @private
-spec init([]) -> {ok, none}.
init([]) ->
    _ = erlang:send_after(?SWEEP, self(), sweep),
    {ok, none}.

%% @private
-spec handle_call(term(), gen_server:from(), none) -> {reply, {error, badarg}, none}.
handle_call(_, _, none) ->
    {reply, {error, badarg}, none}.

%% @private
-spec handle_cast(term(), none) -> {noreply, none}.
handle_cast(_, none) ->
    {noreply, none}.

%% @private The shared copies are removed as well. They are made again where they are needed.
-spec handle_info(term(), none) -> {noreply, none}.
handle_info(sweep, none) ->
    _ = ets:select_delete(?MODULE, [{{'_', '_', '_', '$1'}, [{'=<', '$1', now_ms()}], [true]}]),
    true = ets:delete_all_objects(?BODIES),
    _ = erlang:send_after(?SWEEP, self(), sweep),
    {noreply, none};
handle_info(_, none) ->
    {noreply, none}.
