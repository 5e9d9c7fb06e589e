%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What the log says of stanzas that are too long for their clients. Whoever may write to a client can send one
%% after the other: so the first one is a line, and the others are one line a minute, for the whole node.

-module(ecm_c2s_too_long).
-behaviour(gen_server).

-export([note/3, start_link/0]).
-export([handle_call/3, handle_cast/2, handle_info/2, init/1]).

-include_lib("ejabberd/include/logger.hrl").

%% Seconds between two lines.
-define(INTERVAL, 60).

%% Bytes of an envelope in the log: two addresses and an ID, as they usually are.
-define(LOGGED, 512).

-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% @doc Notes that a stanza of so many bytes was longer than the limit of its client, which gets an envelope.
-spec note(Envelope :: binary(), Bytes :: pos_integer(), Limit :: integer()) -> ok.
note(Envelope, Bytes, Limit) ->
    Logged = binary:part(Envelope, 0, min(?LOGGED, byte_size(Envelope))),
    gen_server:cast(?MODULE, {too_long, binary:copy(Logged), Bytes, Limit}).

%% @private
-spec init([]) -> {ok, ecm_tally:tally()}.
init([]) ->
    {ok, ecm_tally:new()}.

%% @private
-spec handle_call(term(), gen_server:from(), ecm_tally:tally()) -> {reply, {error, badarg}, ecm_tally:tally()}.
handle_call(_, _, Tally) ->
    {reply, {error, badarg}, Tally}.

%% @private
-spec handle_cast(term(), ecm_tally:tally()) -> {noreply, ecm_tally:tally()}.
handle_cast({too_long, Envelope, Bytes, Limit}, Before) ->
    case ecm_tally:add({Envelope, Bytes}, Before) of
        {true, Tally} ->
            ?WARNING_MSG("ECM session: a stanza of ~B bytes is too long for its client, which gets ~ts in its "
                         "place. The limit is ~B bytes: raise max_packet here and in ECM, or max_stanza_to_client",
                         [Bytes, ecm_peer:escape(Envelope), Limit]),
            {noreply, tick(Tally)};
        {false, Tally} ->
            {noreply, Tally}
    end.

%% @private
-spec handle_info(term(), ecm_tally:tally()) -> {noreply, ecm_tally:tally()}.
handle_info(tick, Tally) -> {noreply, tick(Tally)};
handle_info(_, Tally) -> {noreply, Tally}.

%% Ticks as long as there may be something to say.
-spec tick(ecm_tally:tally()) -> ecm_tally:tally().
tick(Before) ->
    {Report, Tally} = ecm_tally:tick(erlang:monotonic_time(millisecond), ?INTERVAL, Before),
    _ = [?WARNING_MSG("ECM session: ~B more stanzas were too long for their clients in ~B seconds, the last one had ~B "
                      "bytes: ~ts", [Times, ?INTERVAL, Bytes, ecm_peer:escape(Envelope)])
         || {Times, {Envelope, Bytes}} <- [Report]],
    _ = Tally =/= ecm_tally:new() andalso erlang:send_after(?INTERVAL * 1000, self(), tick),
    Tally.
