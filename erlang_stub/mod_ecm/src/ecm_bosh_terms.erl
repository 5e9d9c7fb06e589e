%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The terms of a BOSH session, agreed at its creation (XEP-0124, section 7): what the client asks for,
%% lowered to the limits. Pure.
%%
%% They stay for the whole session, in few words of memory.

-module(ecm_bosh_terms).

-export([acknowledges/1, addressed/1, attributes/3, client/1, first_wait/1, hold/1, inactivity/1, interned/1,
         is_polling/1, knows_conditions/1, limit/2, limits/1, logged_in/2, new/2, permitted/2, remembered/1, requests/1,
         min_poll_interval/0, wait/1]).
-export_type([agreement/0, limits/0, options/0]).

%% The highest version of XEP-0124 that is served, and the bytes of the longest version that is parsed.
-define(VERSION, {1, 11}).
-define(MAX_VERSION, 16).

%% What a client without these attributes gets: long polling. In seconds.
-define(DEFAULT_WAIT, 60).
-define(DEFAULT_HOLD, 1).

%% The greatest hold that raises the number of requests, though fewer may be held: an answer is kept for
%% each of them. No client is known to ask for more than 2.
-define(MAX_HOLD, 4).

%% The polling interval of a session that polls, in seconds (XEP-0124, section 12), and the seconds by which
%% its inactivity period is longer than that of others.
-define(POLLING, 5).
-define(POLLING_INACTIVITY, 30).

%% Milliseconds that the creation of a polling session waits for the first thing to send: clients expect the
%% features of the stream in the first answer (XEP-0206, section 4).
-define(FIRST_WAIT, 1000).

%% Milliseconds that a poll may be early: it was sent in time, but the one before arrived late.
-define(JITTER, 1000).

%% The times are seconds. `limits' bound what a session takes, keeps and sends; `newcomer_limits' are those
%% until its client has logged in.
-type options() :: #{
    max_wait := pos_integer(), max_hold := pos_integer(), max_inactivity := pos_integer(),
    max_pause := pos_integer(), limits := limits(), newcomer_limits := limits()}.

%% An answer has at most `max_concat' stanzas with `max_answer' bytes, unless the first one alone is longer.
%% A stanza has at most `max_stanza_to_client' bytes. At most `max_waiting' stanzas wait, with
%% `max_waiting_size' bytes together, which also bounds the answers that are kept.
%%
%% The body of a request has at most `max_body' bytes and `max_stanzas' stanzas. It has at most
%% `max_elements' elements at any depth, or each of its stanzas has, according to `counted'.
%%
%% The terms of a session have the library of its client here, so that releases without it go on with them.
-type limits() :: #{
    max_body := pos_integer() | infinity, max_stanzas := pos_integer(),
    max_elements := pos_integer() | infinity, counted := ecm_xml_elements:scope(),
    max_concat := pos_integer(), max_answer := pos_integer(),
    max_stanza_to_client := pos_integer(),
    max_waiting := pos_integer(), max_waiting_size := pos_integer(),
    client => ecm_bosh_client:client()}.

%% Times in seconds, as on the wire.
-record(terms, {
    hold :: non_neg_integer(),
    requests :: pos_integer(),
    inactivity :: pos_integer(),
    max_pause :: pos_integer(),
    limits :: limits(),
    knows_conditions :: boolean(),
    acknowledges :: boolean()
}).

%% Few different terms occur, so all sessions share them; but many different wait times. Those of full minutes up to an
%% hour, as usual ones are, are shared with their terms.
-record(agreement, {wait :: non_neg_integer(), terms :: #terms{}}).

-opaque agreement() :: #agreement{}.

%% @doc Returns the request with the name of its host prepared (RFC 6122, section 2.2), as ejabberd compares
%% it; or without the name, if it is not one of a host.
-spec addressed(ecm_bosh_body:body()) -> ecm_bosh_body:body().
addressed(#{to := To} = Body) ->
    case jid:nameprep(To) of
        error -> maps:remove(to, Body);
        Host -> Body#{to := Host}
    end;
addressed(Body) ->
    Body.

%% @doc Agrees to the request that creates a session, or returns the terminal binding condition that refuses
%% it.
-spec new(ecm_bosh_body:body(), options()) -> {ok, agreement()} | {error, Condition :: binary()}.
new(#{rid := _, to := To} = Body, Options) when To =/= <<>> ->
    {ok, agree(Body, Options)};
new(#{rid := _}, _) ->
    {error, <<"improper-addressing">>};
new(_, _) ->
    {error, <<"bad-request">>}.

-spec agree(ecm_bosh_body:body(), options()) -> agreement().
agree(Body, #{max_wait := MaxWait} = Max) ->
    Wait = min(maps:get(wait, Body, ?DEFAULT_WAIT), MaxWait),
    interned(#agreement{wait = Wait, terms = terms(Body, Wait, Max)}).

-spec terms(ecm_bosh_body:body(), Wait :: non_neg_integer(), options()) -> #terms{}.
terms(Body, Wait, #{max_hold := MaxHold, max_inactivity := MaxInactivity} = Max) ->
    Asked = maps:get(hold, Body, ?DEFAULT_HOLD),
    Hold = min(Asked, MaxHold),
    #terms{
        hold = Hold,
        requests = min(Asked, ?MAX_HOLD) + 1,
        inactivity = MaxInactivity + extra_inactivity(is_polling(Wait, Hold)),
        max_pause = maps:get(max_pause, Max),
        limits = (maps:get(newcomer_limits, Max))#{client => ecm_bosh_client:client(Body)},
        knows_conditions = maps:is_key(ver, Body),
        acknowledges = maps:is_key(ack, Body)
    }.

-spec extra_inactivity(IsPolling :: boolean()) -> non_neg_integer().
extra_inactivity(true) -> ?POLLING_INACTIVITY;
extra_inactivity(false) -> 0.

%% @doc Returns the same agreement in the memory that the sessions of this node share: for one that is new here, or
%% from elsewhere.
-spec interned(agreement()) -> agreement().
interned(#agreement{wait = Wait} = Agreement) when Wait rem 60 =:= 0, Wait =< 3600 ->
    ecm_intern:term(Agreement);
interned(#agreement{terms = Terms} = Agreement) ->
    Agreement#agreement{terms = ecm_intern:term(Terms)}.

%% @doc Returns the milliseconds that a request may be held.
-spec wait(agreement()) -> non_neg_integer().
wait(#agreement{wait = Wait}) -> Wait * 1000.

%% @doc Returns the milliseconds that the request which creates the session may be held.
-spec first_wait(agreement()) -> pos_integer().
first_wait(Agreement) ->
    case is_polling(Agreement) of
        true -> ?FIRST_WAIT;
        false -> wait(Agreement)
    end.

%% @doc Returns how many requests may be held.
-spec hold(agreement()) -> non_neg_integer().
hold(#agreement{terms = #terms{hold = Hold}}) -> Hold.

%% @doc Returns how many requests of the client may be unanswered: one more than it has asked to hold, even
%% if fewer are held (section 7.2).
-spec requests(agreement()) -> pos_integer().
requests(#agreement{terms = #terms{requests = Requests}}) -> Requests.

%% @doc Returns how many answers are kept. Section 14.3 asks for as many as there may be requests at once.
%% But a client with a request on a connection that is dead, without its knowledge, continues with the
%% others, and repeats that one later.
-spec remembered(agreement()) -> pos_integer().
remembered(Agreement) -> 2 * requests(Agreement).

%% @doc Returns the milliseconds that the client may be silent while no request is held.
-spec inactivity(agreement()) -> pos_integer().
inactivity(#agreement{terms = #terms{inactivity = Inactivity}}) -> Inactivity * 1000.

%% @doc Returns a request without a pause that is longer than allowed, which has no effect. An allowed pause
%% has all requests answered at once, and then the client may be silent for that time (section 10).
-spec permitted(Request, agreement()) -> Request when Request :: ecm_bosh_window:request().
permitted(#{pause := Pause} = Request, #agreement{terms = #terms{max_pause = Max}})
  when Pause > Max ->
    maps:remove(pause, Request);
permitted(Request, _) ->
    Request.

%% @doc Returns the terms of a client that has logged in.
-spec logged_in(agreement(), options()) -> agreement().
logged_in(#agreement{terms = Terms} = Agreement, #{limits := Limits}) ->
    Known = Limits#{client => client(Agreement)},
    interned(Agreement#agreement{terms = Terms#terms{limits = Known}}).

%% @doc Returns the library of the client.
-spec client(agreement()) -> ecm_bosh_client:client().
client(#agreement{terms = #terms{limits = Limits}}) -> maps:get(client, Limits, other).

%% @doc Returns all limits.
-spec limits(agreement()) -> limits().
limits(#agreement{terms = #terms{limits = Limits}}) -> Limits.

%% @doc Returns one of the limits.
-spec limit(Name :: atom(), agreement()) -> pos_integer().
limit(Name, #agreement{terms = #terms{limits = Limits}}) -> map_get(Name, Limits).

%% @doc Returns whether the session polls: no request is held, and the client asks from time to time
%% (section 12).
-spec is_polling(agreement()) -> boolean().
is_polling(#agreement{wait = Wait, terms = #terms{hold = Hold}}) -> is_polling(Wait, Hold).

-spec is_polling(Wait :: non_neg_integer(), Hold :: non_neg_integer()) -> boolean().
is_polling(Wait, Hold) -> Wait =:= 0 orelse Hold =:= 0.

%% @doc Returns the least milliseconds between two polls.
-spec min_poll_interval() -> pos_integer().
min_poll_interval() -> ?POLLING * 1000 - ?JITTER.

%% @doc Returns whether the client is new enough for terminal binding conditions (section 17.1).
-spec knows_conditions(agreement()) -> boolean().
knows_conditions(#agreement{terms = #terms{knows_conditions = KnowsConditions}}) -> KnowsConditions.

%% @doc Returns whether both sides use acknowledgements (section 9).
-spec acknowledges(agreement()) -> boolean().
acknowledges(#agreement{terms = #terms{acknowledges = Acknowledges}}) -> Acknowledges.

%% @doc Returns the attributes of the answer that creates the session (section 7.2, and XEP-0206, section
%% 4). It always has `polling', because some clients look for it. 0 says that a client which does not poll
%% may make empty requests as often as it likes (section 11).
-spec attributes(Sid :: binary(), ecm_bosh_body:body(), agreement()) -> [{binary(), iodata()}].
attributes(Sid, #{rid := Rid, to := To} = Body, #agreement{wait = Wait, terms = Terms} = Agreement) ->
    [{<<"sid">>, Sid},
     {<<"wait">>, integer_to_binary(Wait)},
     {<<"requests">>, integer_to_binary(requests(Agreement))},
     {<<"inactivity">>, integer_to_binary(Terms#terms.inactivity)},
     {<<"polling">>, integer_to_binary(polling(Agreement))},
     {<<"hold">>, integer_to_binary(Terms#terms.hold)},
     {<<"maxpause">>, integer_to_binary(Terms#terms.max_pause)},
     {<<"from">>, To},
     {<<"xmpp:version">>, <<"1.0">>},
     {<<"xmpp:restartlogic">>, <<"true">>}]
    ++ [{<<"ack">>, integer_to_binary(Rid)} || acknowledges(Agreement)]
    ++ [{<<"ver">>, lower(maps:get(ver, Body))} || knows_conditions(Agreement)].

-spec polling(agreement()) -> non_neg_integer().
polling(Agreement) ->
    case is_polling(Agreement) of
        true -> ?POLLING;
        false -> 0
    end.

%% The lower version of the client's and ours. Both numbers are integers: 1.10 comes after 1.9.
-spec lower(binary()) -> iolist().
lower(Text) ->
    {Major, Minor} = min(version(Text), ?VERSION),
    [integer_to_binary(Major), $., integer_to_binary(Minor)].

-spec version(binary()) -> {non_neg_integer(), non_neg_integer()}.
version(Text) when byte_size(Text) =< ?MAX_VERSION ->
    case re:run(Text, "^([0-9]+)\\.([0-9]+)\\z", [{capture, all_but_first, binary}]) of
        {match, [Major, Minor]} -> {binary_to_integer(Major), binary_to_integer(Minor)};
        nomatch -> ?VERSION
    end;
version(_) ->
    ?VERSION.
