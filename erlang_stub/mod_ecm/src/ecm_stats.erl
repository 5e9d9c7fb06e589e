%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The numbers of this node that operators see: one array of counters for all sessions, since its start. To count
%% takes some ten nanoseconds, and no message. Of single sessions only those are remembered that had an error, the last
%% few of them.

-module(ecm_stats).

-export([count/1, count/2, created/1, ended/1, error/2, errors/1, names/0, new_table/0, numbers/0, start/0]).
-export_type([cause/0, client/0, reason/0]).

%% The library of a client over BOSH as its first request shows it (ecm_bosh_client), or the transport of a stream.
-type client() :: ecm_bosh_client:client() | websocket | tcp.

%% What a client did wrong.
-type cause() :: unknown_sid | rid_gap | rid_old | too_long | overactive | bad_request | unknown_host | auth.

%% Why a session has ended.
-type reason() :: terminate | inactivity | policy | max_waiting | shutdown | replaced | stream_error | closed | other.

-type name() :: online | logins_ok | logins_failed | {created, client()} | {ended, reason()} |
                {error, cause(), client()}.

%% Errors that are kept of a session, and sessions of which some are, at most: with more, all are forgotten. One takes
%% some 200 bytes.
-define(ERRORS, 5).
-define(SESSIONS, 10000).

%% @doc Begins to count, unless it has begun. Until then, nothing is counted.
-spec start() -> ok.
start() ->
    case persistent_term:get(?MODULE, none) of
        none ->
            Names = names(),
            Places = maps:from_list(lists:zip(Names, lists:seq(1, length(Names)))),
            persistent_term:put(?MODULE, {counters:new(length(Names), [write_concurrency]), Places});
        _ -> ok
    end.

%% @doc Makes the table of errors, which belongs to the caller.
-spec new_table() -> ok.
new_table() ->
    ?MODULE = ets:new(?MODULE, [named_table, public]),
    ok.

%% @doc Returns what is counted.
-spec names() -> [name()].
names() ->
    Clients = ecm_bosh_client:all() ++ [websocket, tcp],
    [online, logins_ok, logins_failed]
        ++ [{created, Client} || Client <- Clients]
        ++ [{ended, Reason} || Reason <- [terminate, inactivity, policy, max_waiting, shutdown, replaced, stream_error,
                                          closed, other]]
        ++ [{error, Cause, Client}
            || Cause <- [unknown_sid, rid_gap, rid_old, too_long, overactive, bad_request, unknown_host, auth],
               Client <- Clients].

-spec count(name()) -> ok.
count(Name) ->
    count(Name, 1).

%% @doc Adds to a number.
-spec count(name(), integer()) -> ok.
count(Name, Number) ->
    case persistent_term:get(?MODULE, none) of
        {Counters, #{Name := Place}} -> counters:add(Counters, Place, Number);
        _ -> ok
    end.

%% @doc A session has begun.
-spec created(client()) -> ok.
created(Client) -> count({created, Client}).

%% @doc A session has ended.
-spec ended(reason()) -> ok.
ended(Reason) -> count({ended, Reason}).

%% @doc The client of the calling session has done something wrong.
-spec error(cause(), client()) -> ok.
error(Cause, Client) ->
    count({error, Cause, Client}),
    remember(Cause, ets:info(?MODULE, size)).

-spec remember(cause(), non_neg_integer() | undefined) -> ok.
remember(_, undefined) ->
    ok;
remember(Cause, Size) ->
    try
        _ = Size >= ?SESSIONS andalso ets:delete_all_objects(?MODULE),
        Errors = [{Cause, erlang:system_time(second)} | errors(self())],
        true = ets:insert(?MODULE, {self(), lists:sublist(Errors, ?ERRORS)}),
        ok
    catch
        error:badarg -> ok  % the table has gone, with the supervisor
    end.

%% @doc Returns the last errors of a session, the newest first, with their times in seconds since 1970.
-spec errors(pid()) -> [{cause(), integer()}].
errors(Session) ->
    try ets:lookup(?MODULE, Session) of
        [{_, Errors}] -> Errors;
        [] -> []
    catch
        error:badarg -> []
    end.

%% @doc Returns all numbers.
-spec numbers() -> #{name() => integer()}.
numbers() ->
    case persistent_term:get(?MODULE, none) of
        {Counters, Places} -> maps:map(fun(_, Place) -> counters:get(Counters, Place) end, Places);
        none -> #{}
    end.
