%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The state machine of a BOSH session (XEP-0124, XEP-0206; sections are those of XEP-0124): requests
%% and the time go in, actions come out. Pure: no process, no clock, no socket.
%%
%% ecm_bosh_window puts requests in the order of their RIDs. The content of each is delivered. Then the
%% request is held until there is something for the client, or its wait time is over, or too many are held.
%% Answers go out in the order of the RIDs as well, and the last ones are kept for a client that has not
%% received them.
%%
%% What waits for the client never goes into an answer that nobody waits for. A client that is gone from a
%% request gets it by repeating that request, or with the next one. An answer carries as much as its
%% exchange can carry; a stanza that is too long for an answer of its own is bounced.
%%
%% Only the start tag of a new request has been read, and its RID must be in the window. Its content is read
%% when its turn comes (ecm_bosh_sequence).

-module(ecm_bosh).

-export([cause/3, client/1, close/3, deadline/1, dehydrate/1, facts/2, flush/2, freeze/2, gone/3, half_closed/3,
         last_word/1, limit/1, logged_in/2, max_waiting_size/1, new/5, rehydrate/1, request/4, send/2, thaw/2,
         timeout/2, undelivered/1, violate/3]).
-export_type([action/0, exchange/0, ms/0, options/0, session/0]).

-type exchange() :: ecm_bosh_window:exchange().
%% A time or a duration, in milliseconds.
-type ms() :: integer().
-type options() :: ecm_bosh_terms:options().

%% What the caller does, in this order. `restart' restarts the XMPP stream. With `exceeds' the body of a
%% request was dropped, and the stream must end with an error. `over' is the end of the
%% session: the client has terminated it, was silent for too long, was told that this side has closed it, or
%% has violated a rule and was told this condition.
-type action() ::
    {answer, exchange(), ecm_bosh_answer:status(), Body :: iodata()} |
    {deliver, Els :: [tuple()]} |
    {exceeds, ecm_bosh_oversize:excess()} |
    ecm_bosh_deliveries:bounce() |
    restart |
    {over, terminated | inactive | closed | Condition :: binary()}.

%% `actions' are those of the current call, the last one first.
-record(session, {
    agreement :: ecm_bosh_terms:agreement(),
    requests :: ecm_bosh_window:requests(),
    deliveries = ecm_bosh_deliveries:new() :: ecm_bosh_deliveries:deliveries(),
    keys :: ecm_bosh_keys:keys(),
    expires :: ms(),  % if no request is held then
    poll = never :: ecm_bosh_overactivity:poll(),
    phase :: phase(),
    actions = [] :: [action()]
}).

%% `telling' has the attributes of the next answer, as at the beginning. In `closing', no client has been
%% told yet.
-type phase() ::
    {telling, [{binary(), iodata()}]} | running |
    {closing, ecm_bosh_answer:condition()} | {ended, ecm_bosh_answer:condition()}.

-opaque session() :: #session{}.

%% @doc Creates a session from the request for it (7.1). `Sid' is its name.
-spec new(ecm_bosh_body:body(), exchange(), Sid :: binary(), options(), Now :: ms()) ->
    {[action()], session()} | {error, Answer :: {ecm_bosh_answer:status(), Body :: iodata()}}.
new(Body, Exchange, Sid, Options, Now) ->
    case ecm_bosh_terms:new(Body, Options) of
        {ok, Agreement} -> done(create(Body, Exchange, Sid, Agreement, Now));
        {error, Condition} ->
            Answer = ecm_bosh_answer:terminate(Condition, [], is_map_key(ver, Body)),
            {error, ecm_bosh_answer:content(Answer)}
    end.

-spec create(ecm_bosh_body:body(), exchange(), binary(), ecm_bosh_terms:agreement(), ms()) -> session().
create(#{rid := Rid} = Body, Exchange, Sid, Agreement, Now) ->
    {ok, Keys} = ecm_bosh_keys:next(Body, ecm_bosh_keys:new()),
    deliver(Body, #session{
        agreement = Agreement,
        requests = ecm_bosh_window:new(Rid, {Exchange, Now + ecm_bosh_terms:first_wait(Agreement)},
                                    ecm_bosh_terms:remembered(Agreement)),
        keys = Keys,
        expires = Now + ecm_bosh_terms:inactivity(Agreement),
        phase = {telling, ecm_bosh_terms:attributes(Sid, Body, Agreement)}
    }).

%% @doc Returns the library of the client.
-spec client(session()) -> ecm_bosh_client:client().
client(#session{agreement = Agreement}) -> ecm_bosh_terms:client(Agreement).

%% @doc Returns the bytes of stanzas that may wait for the client.
-spec max_waiting_size(session()) -> pos_integer().
max_waiting_size(#session{agreement = Agreement}) -> ecm_bosh_terms:limit(max_waiting_size, Agreement).

%% @doc Returns what was wrong with the request that has ended the session with this condition: one with this RID, or
%% one that could not be read.
-spec cause(Condition :: binary(), ecm_bosh_window:rid() | unknown, session()) ->
    rid_gap | rid_old | overactive | bad_request | too_long.
cause(<<"item-not-found">>, Rid, #session{requests = Requests}) ->
    case Rid > ecm_bosh_window:last(Requests) of
        true -> rid_gap;
        false -> rid_old
    end;
cause(<<"policy-violation">>, unknown, _) -> too_long;
cause(<<"policy-violation">>, _, _) -> overactive;
cause(_, _, _) -> bad_request.

%% @doc Returns what operators may want to know of the session. `held' are the milliseconds for which its oldest request
%% has been held, `exchanges' those of all that are, `window' the number of requests that there may be at once.
-spec facts(Now :: ms(), session()) ->
    #{client := ecm_bosh_client:client(), rid := ecm_bosh_window:rid(), open := non_neg_integer(), held => ms(),
      exchanges => [exchange()],
      waiting := non_neg_integer(), waiting_bytes := non_neg_integer(), window := pos_integer(), wait := ms(),
      expires => ms()}.
facts(Now, #session{agreement = Agreement, requests = Requests, deliveries = Deliveries, expires = Expires}) ->
    {Count, Bytes} = ecm_bosh_deliveries:waiting(Deliveries),
    Facts = #{client => ecm_bosh_terms:client(Agreement), rid => ecm_bosh_window:last(Requests),
              open => ecm_bosh_window:open(Requests), waiting => Count,
              waiting_bytes => Bytes, window => ecm_bosh_terms:requests(Agreement),
              wait => ecm_bosh_terms:wait(Agreement)},
    case ecm_bosh_window:held(Requests) of
        {[], []} -> Facts#{expires => Expires - Now};
        {Open, Early} ->
            {Exchanges, Due} = lists:unzip(Open ++ Early),
            Facts#{exchanges => Exchanges,
                   held => max(0, ecm_bosh_terms:wait(Agreement) - (lists:min(Due) - Now))}
    end.

%% @doc Notes that the client has logged in: other limits hold from now on.
-spec logged_in(options(), session()) -> session().
logged_in(Options, #session{agreement = Agreement} = Session) ->
    Session#session{agreement = ecm_bosh_terms:logged_in(Agreement, Options)}.

%% @doc Takes a request of the client.
-spec request(ecm_bosh_window:request(), exchange(), Now :: ms(), session()) ->
    {[action()], session()}.
request(Request, Exchange, Now, #session{agreement = Agreement} = Session) ->
    Holder = {Exchange, Now + ecm_bosh_terms:wait(Agreement)},
    Permitted = ecm_bosh_terms:permitted(Request, Agreement),
    done(answer_due(Now, received(Permitted, Holder, Now, Session))).

%% @doc Ends the session because of a request that cannot be handled.
-spec violate(Condition :: binary(), exchange(), session()) -> {[action()], session()}.
violate(_, Exchange, #session{phase = {ended, Condition}} = Session) ->
    done(tell({Exchange, 0}, terminate(Condition, [], Session), Session));
violate(Condition, Exchange, Session) ->
    done(violated(Condition, {Exchange, 0}, Session)).

%% @doc Notes that the client of a request is gone.
-spec gone(exchange(), Now :: ms(), session()) -> {[action()], session()}.
gone(Exchange, Now, #session{requests = Requests} = Session) ->
    case ecm_bosh_window:gone(Exchange, Requests) of
        {ok, Left} -> done(expire(Now, Session#session{requests = Left}));
        none -> done(Session)
    end.

%% @doc Notes that the client of a request has half-closed its connection. It may still read an answer, or
%% be gone. So it gets an answer at once, with nothing of what waits; and before it those of the requests
%% that must be answered before. An early one gets none.
-spec half_closed(exchange(), Now :: ms(), session()) -> {[action()], session()}.
half_closed(Exchange, Now, #session{requests = Requests} = Session) ->
    {Open, _} = ecm_bosh_window:held(Requests),
    case lists:keymember(Exchange, 1, Open) of
        true -> done(answer_due(Now, answer_until(Exchange, Now, Session)));
        false -> gone(Exchange, Now, Session)
    end.

%% @doc Queues an encoded element for the client.
-spec send(ecm_bosh_outbox:el(), session()) -> {[action()], session()}.
send(El, #session{agreement = Agreement, deliveries = Deliveries} = Session) ->
    {Bounces, Next} = ecm_bosh_deliveries:add(El, Agreement, Deliveries),
    {Bounces, Session#session{deliveries = Next}}.

%% @doc Sends what waits, in answers to the requests that are held.
-spec flush(Now :: ms(), session()) -> {[action()], session()}.
flush(Now, Session) ->
    done(answer_due(Now, Session)).

%% @doc Ends the session if too many elements wait: its client does not come, or does not acknowledge them.
-spec limit(session()) -> {[action()], session()}.
limit(#session{phase = running, agreement = Agreement, requests = Requests} = Session) ->
    Forgotten = ecm_bosh_window:forgotten(Requests),
    Condition = <<"policy-violation">>,
    case ecm_bosh_deliveries:is_too_much(Forgotten, Agreement, Session#session.deliveries) of
        true -> done(finish(terminate(Condition, [], Session), Condition, Condition, Session));
        false -> done(Session)
    end;
limit(Session) -> done(Session).

%% @doc Does what is due. Nothing is due before the deadline.
-spec timeout(Now :: ms(), session()) -> {[action()], session()}.
timeout(_, #session{phase = {ended, _}} = Session) -> done(Session);
timeout(Now, Session) ->
    done(expired(Now, recover(Now, answer_due(Now, in_order(Now, Session))))).

%% @doc Returns the next time at which something is due.
-spec deadline(session()) -> ms() | infinity.
deadline(#session{phase = {ended, _}}) -> infinity;
deadline(#session{requests = Requests, expires = Expires}) ->
    Next = ecm_bosh_window:next_due(Requests),
    case ecm_bosh_window:held(Requests) of
        {[], []} -> min(Expires, Next);
        {Open, Early} -> lists:min([Next | [Until || {_, Until} <- Open ++ Early]])
    end.

%% @doc Ends the session. Clients that wait for an answer are told, with what waits; otherwise, the next
%% request is. A condition is that of an error (17.2): for `remote-stream-error', the error itself must be
%% among the elements that were sent.
-spec close(ecm_bosh_answer:condition(), Now :: ms(), session()) -> {[action()], session()}.
close(_, _, #session{phase = {ended, _}} = Session) ->
    done(Session);
close(Condition, Now, Session) ->
    done(answer_due(Now, Session#session{phase = {closing, Condition}})).

%% @doc Returns the elements that the client may not have received, the oldest first: those in answers after
%% which it has not made a request, and those that still wait.
-spec undelivered(session()) -> [ecm_bosh_outbox:el()].
undelivered(#session{deliveries = Deliveries}) -> ecm_bosh_deliveries:left(Deliveries).

%% @doc Returns the answer to requests that come after the end, if there is more to say than that there is
%% no such session: why this side has ended it; and for how long to say it, which is the time that the
%% client may be silent.
-spec last_word(session()) -> {ecm_bosh_answer:answer(), ms()} | none.
last_word(#session{phase = {Phase, Condition}, deliveries = Deliveries} = Session)
  when Phase =/= telling, Condition =/= undefined, Condition =/= <<"item-not-found">> ->
    Errors = ecm_bosh_deliveries:errors(Deliveries),
    {terminate(Condition, Errors, Session), ecm_bosh_terms:inactivity(Session#session.agreement)};
last_word(_) -> none.

-spec done(session()) -> {[action()], session()}.
done(#session{actions = Actions} = Session) ->
    {lists:reverse(Actions), Session#session{actions = []}}.

%% @doc Returns a session in fewer words of memory: a list, without what is rarely there.
-spec dehydrate(session()) -> Dehydrated :: [term()].
dehydrate(#session{deliveries = Deliveries, poll = never, phase = running, keys = Keys,
                agreement = Agreement, expires = Expires, requests = Requests}) ->
    [Agreement, ecm_bosh_deliveries:dehydrate(Deliveries), Keys, Expires
     | ecm_bosh_window:dehydrate(Requests)];
dehydrate(Session) -> [Session].

%% @doc Returns the session as it was.
-spec rehydrate(Dehydrated :: [term()]) -> session().
rehydrate([Agreement, Deliveries, Keys, Expires | Requests]) ->
    #session{agreement = Agreement, deliveries = ecm_bosh_deliveries:rehydrate(Deliveries), keys = Keys,
             expires = Expires, phase = running, requests = ecm_bosh_window:rehydrate(Requests)};
rehydrate([Session]) -> Session.

%% @doc Returns the session for another process, perhaps on another node or later: its times begin at 0, and no
%% client waits for an answer. Those that wait are answered with nothing, and make their next requests there.
%% `busy' if the first answer has not been given: that is not empty.
-spec freeze(Now :: ms(), session()) -> {ok, [action()], session()} | busy.
freeze(_, #session{phase = {telling, _}}) ->
    busy;
freeze(Now, Session) ->
    {Actions, #session{requests = Requests} = Released} = done(release(Now, Session)),
    {ok, Actions, postpone(-Now, Released#session{requests = ecm_bosh_window:whole(Requests)})}.

%% @doc Returns a session that was frozen, from `Now' on.
-spec thaw(Now :: ms(), session()) -> session().
thaw(Now, #session{agreement = Agreement} = Session) ->
    postpone(Now, Session#session{agreement = ecm_bosh_terms:interned(Agreement)}).

-spec postpone(ms(), session()) -> session().
postpone(By, #session{requests = Requests, deliveries = Deliveries, expires = Expires, poll = Poll} = Session) ->
    Session#session{requests = ecm_bosh_window:postpone(By, Requests),
                    deliveries = ecm_bosh_deliveries:postpone(By, Deliveries),
                    expires = Expires + By, poll = ecm_bosh_overactivity:postpone(By, Poll)}.

%% The client of an early request is asked to repeat it, with the missing one.
-spec release(ms(), session()) -> session().
release(Now, #session{requests = Requests} = Session) ->
    case ecm_bosh_window:held(Requests) of
        {[], []} -> Session;
        {[], _} -> recover(infinity, Now, Session);
        {_, _} -> release(Now, respond([], Now, Session))
    end.

%% Requests. A repeated request that was answered gets the same bytes again (14.3).

-spec received(ecm_bosh_window:request(), ecm_bosh_window:holder(), ms(), session()) -> session().
received(Body, {{_, _, Limit}, _} = Holder, Now, Session) ->
    #session{phase = Phase, requests = Requests, keys = Keys} = Session,
    case {Phase, ecm_bosh_sequence:find(Body, Limit, Requests, Keys)} of
        {{ended, _}, {answered, Answer}} -> tell(Holder, Answer, Session);
        {{ended, Condition}, _} -> tell(Holder, terminate(Condition, [], Session), Session);
        {_, new} -> added(checked(Body, Session), Holder, Now, Session);
        {_, {answered, Answer}} -> pause(Body, Now, expire(Now, tell(Holder, Answer, Session)));
        {_, {fault, Condition}} -> violated(Condition, Holder, Session);
        {_, _} -> superseded(Body, Holder, Session)
    end.

%% The request is repeated before it is answered: the answer will go to the new holder, and the old one must
%% not wait any longer (14.3). The client has waited since it first made the request, and gives up after
%% `wait' and a little more: so the answer is due when it would have been.
-spec superseded(ecm_bosh_window:request(), ecm_bosh_window:holder(), session()) -> session().
superseded(#{rid := Rid}, Holder, #session{requests = Requests} = Session) ->
    {Old, Held} = ecm_bosh_window:hold(Rid, Holder, Requests),
    tell(Old, ecm_bosh_answer:recoverable(), Session#session{requests = Held}).

-spec checked(Request, session()) -> Request when Request :: ecm_bosh_window:request().
checked(Body, #session{agreement = Agreement}) ->
    ecm_bosh_oversize:check(Body, ecm_bosh_terms:limits(Agreement)).

-spec added(ecm_bosh_window:request(), ecm_bosh_window:holder(), ms(), session()) -> session().
added(Body, Holder, Now, #session{requests = Requests, agreement = Agreement} = Session) ->
    case ecm_bosh_overactivity:fault(Body, Now, Session#session.poll, Requests, Agreement) of
        none ->
            Added = ecm_bosh_window:add(Body, Holder, Requests),
            in_order(Now, Session#session{requests = Added});
        Condition ->
            violated(Condition, Holder, Session)
    end.

%% Takes the requests whose turn it is.
-spec in_order(ms(), session()) -> session().
in_order(_, #session{phase = {ended, _}} = Session) ->
    Session;
in_order(Now, #session{requests = Requests, keys = Keys} = Session) ->
    case ecm_bosh_sequence:next(Now, Requests, Keys) of
        {ok, Body, Left, Next} ->
            in_order(Now, take(Body, Now, Session#session{requests = Left, keys = Next}));
        {fault, Condition, Holder, Left} ->
            violated(Condition, Holder, Session#session{requests = Left});
        none ->
            Session
    end.

-spec take(ecm_bosh_window:request(), ms(), session()) -> session().
take(Body, Now, #session{phase = Phase, agreement = Agreement, deliveries = All} = Session) ->
    Poll = ecm_bosh_overactivity:poll(Body, ecm_bosh_deliveries:has_nothing(All), Now, Agreement),
    Confirmed = Session#session{poll = Poll, deliveries = ecm_bosh_deliveries:confirm(Body, Now, Agreement, All)},
    case {Phase, Body} of
        {{closing, _}, _} -> Confirmed;
        {_, #{type := terminate}} -> terminated(deliver(Body, Confirmed));
        {_, #{pause := _}} -> paused(Body, Now, deliver(Body, Confirmed));
        {_, _} ->
            Told = report(Body, Now, deliver(Body, Confirmed)),
            trim(ecm_bosh_terms:hold(Agreement), Now, Told)
    end.

%% Answers all requests, this one with an empty answer (10).
-spec paused(ecm_bosh_window:request(), ms(), session()) -> session().
paused(Body, Now, Session) ->
    pause(Body, Now, respond([], Now, trim(1, Now, Session))).

%% Tells the client at once of an answer that it has missed.
-spec report(ecm_bosh_window:request(), ms(), session()) -> session().
report(Body, Now, #session{deliveries = Deliveries} = Session) ->
    case ecm_bosh_deliveries:report(Body, Now, Deliveries) of
        [] -> Session;
        Attrs -> respond(Now, Session#session{phase = {telling, Attrs ++ attributes(Session)}})
    end.

%% The elements of a restart are ignored (XEP-0206, section 5).
-spec deliver(ecm_bosh_window:request(), session()) -> session().
deliver(#{els := {exceeds, _} = Exceeds}, Session) -> act(Exceeds, Session);
deliver(#{restart := true}, Session) -> act(restart, Session);
deliver(#{els := [_ | _] = Els}, #session{agreement = Agreement} = Session) ->
    act(ecm_bosh_oversize:delivery(Els, ecm_bosh_terms:limits(Agreement)), Session);
deliver(_, Session) -> Session.

%% Sets how long the client may be silent until the next answer.
-spec pause(ecm_bosh_window:request(), ms(), session()) -> session().
pause(#{pause := Pause}, Now, Session) -> Session#session{expires = Now + Pause * 1000};
pause(_, _, Session) -> Session.

%% Answers the oldest requests until no more are open than may be.
-spec trim(Open :: non_neg_integer(), ms(), session()) -> session().
trim(Open, Now, #session{requests = Requests} = Session) ->
    case ecm_bosh_window:open(Requests) > Open of
        true -> trim(Open, Now, respond(Now, Session));
        false -> Session
    end.

%% Answers the open requests up to that of an exchange, with nothing that waits.
-spec answer_until(exchange(), ms(), session()) -> session().
answer_until(Exchange, Now, #session{requests = Requests} = Session) ->
    Answered = respond([], Now, Session),
    case ecm_bosh_window:oldest(Requests) of
        {_, {Exchange, _}} -> Answered;
        _ -> answer_until(Exchange, Now, Answered)
    end.

%% Answers the requests that are due.
-spec answer_due(ms(), session()) -> session().
answer_due(Now, #session{phase = Phase, requests = Requests} = Session) ->
    {Open, Early} = ecm_bosh_window:held(Requests),
    case {Phase, Open ++ Early} of
        {{ended, _}, _} -> Session;
        {{closing, _}, []} -> Session;
        {{closing, Condition}, _} -> closed(Condition, Session);
        {_, _} -> answer_if_due(Now, Open, Session)
    end.

-spec answer_if_due(ms(), Held :: [ecm_bosh_window:holder()], session()) -> session().
answer_if_due(Now, Held, #session{deliveries = Deliveries} = Session) ->
    HasNothing = ecm_bosh_deliveries:has_nothing(Deliveries),
    IsDue = fun({_, Until}) -> not HasNothing orelse Until =< Now end,
    case lists:any(IsDue, Held) of
        true -> answer_due(Now, respond(Now, Session));
        false -> Session
    end.

%% Answers the oldest open request with what waits, if its client is there.
-spec respond(ms(), session()) -> session().
respond(Now, #session{requests = Requests, deliveries = Deliveries} = Session) ->
    Agreement = Session#session.agreement,
    case ecm_bosh_window:oldest(Requests) of
        {_, {{_, _, Limit}, _}} ->
            [Room, Most] = [ecm_bosh_answer:room(Limit, Attrs) || Attrs <- [attributes(Session), []]],
            {Els, Bounces, Left} = ecm_bosh_deliveries:take(Room, Most, Agreement, Deliveries),
            respond(Els, Now, lists:foldl(fun act/2, Session#session{deliveries = Left}, Bounces));
        {_, _} ->
            respond([], Now, Session)
    end.

%% Answers the oldest open request with these elements.
-spec respond([ecm_bosh_outbox:el()], ms(), session()) -> session().
respond(Els, Now, #session{requests = Requests, deliveries = Deliveries} = Session) ->
    Answer = ecm_bosh_answer:payload(attributes(Session), Els),
    {Rid, _} = ecm_bosh_window:oldest(Requests),
    Given = ecm_bosh_deliveries:given(Rid, Els, Now, Deliveries),
    expire(Now, answer(Answer, Session#session{phase = running, deliveries = Given})).

%% The attributes of the answer to the oldest open request. It acknowledges all requests up to a RID, unless
%% that is its own (9.1).
-spec attributes(session()) -> [{binary(), iodata()}].
attributes(#session{phase = {telling, Attrs}}) ->
    Attrs;
attributes(#session{agreement = Agreement, requests = Requests}) ->
    [{<<"ack">>, integer_to_binary(ecm_bosh_window:last(Requests))}
     || ecm_bosh_window:open(Requests) > 1, ecm_bosh_terms:acknowledges(Agreement)].

%% Answers the oldest open request.
-spec answer(ecm_bosh_answer:answer(), session()) -> session().
answer(Answer, #session{requests = Requests} = Session) ->
    {_, Holder} = ecm_bosh_window:oldest(Requests),
    Max = max_waiting_size(Session),
    tell(Holder, Answer, Session#session{requests = ecm_bosh_window:answer(Answer, Max, Requests)}).

-spec tell(ecm_bosh_window:holder(), ecm_bosh_answer:answer(), session()) -> session().
tell({Exchange, _}, Answer, Session) ->
    {Status, Content} = ecm_bosh_answer:content(Answer),
    act({answer, Exchange, Status, Content}, Session);
tell(_, _, Session) ->
    Session.

-spec act(action(), session()) -> session().
act(Action, #session{actions = Actions} = Session) ->
    Session#session{actions = [Action | Actions]}.

%% Starts the inactivity period: how long the client may be silent if nothing is held (10).
-spec expire(ms(), session()) -> session().
expire(Now, #session{agreement = Agreement} = Session) ->
    Session#session{expires = Now + ecm_bosh_terms:inactivity(Agreement)}.

%% An early request has waited long enough, and cannot be answered before the missing one. Its client is
%% asked to repeat both (17.3). The request stays, for clients that repeat only the missing one.
-spec recover(ms(), session()) -> session().
recover(Now, Session) -> recover(Now, Now, Session).

-spec recover(Until :: ms() | infinity, Now :: ms(), session()) -> session().
recover(Until, Now, #session{requests = Requests} = Session) ->
    case ecm_bosh_window:due(Until, Requests) of
        {[], _} -> Session;
        {Holders, Left} ->
            Kept = Session#session{requests = Left},
            expire(Now, tell_all(Holders, ecm_bosh_answer:recoverable(), Kept))
    end.

-spec tell_all([ecm_bosh_window:holder()], ecm_bosh_answer:answer(), session()) -> session().
tell_all(Holders, Answer, Session) ->
    lists:foldl(fun(Holder, Told) -> tell(Holder, Answer, Told) end, Session, Holders).

-spec expired(ms(), session()) -> session().
expired(Now, #session{expires = Expires, requests = Requests} = Session) ->
    case Now >= Expires andalso ecm_bosh_window:held(Requests) =:= {[], []} of
        true -> finish(empty, <<"item-not-found">>, inactive, Session);
        false -> Session
    end.

%% The client ends the session. The oldest request that is held gets the end, the others an empty answer
%% (13).
-spec terminated(session()) -> session().
terminated(Session) ->
    Told = answer_first(fun(_) -> terminate(undefined, [], Session) end, empty, Session),
    finish(empty, <<"item-not-found">>, terminated, Told).

%% This side ends the session. The first answer carries what waits, as far as there is room beside the
%% error. It stays undelivered nevertheless: many clients look at nothing else once they are told of an end.
-spec closed(ecm_bosh_answer:condition(), session()) -> session().
closed(Condition, #session{deliveries = Deliveries} = Session) ->
    First = fun(Room) -> terminate(Condition, ecm_bosh_deliveries:ending(Room, Deliveries), Session) end,
    Others = terminate(Condition, [], Session),
    finish(Others, Condition, closed, answer_first(First, Others, Session)).

%% A fault ends the session. The faulty request gets its condition; the others that are held get theirs, for
%% the end by another request (17.2).
-spec violated(Condition :: binary(), ecm_bosh_window:holder(), session()) -> session().
violated(Condition, Holder, Session) ->
    Told = tell(Holder, terminate(Condition, [], Session), Session),
    finish(terminate(<<"other-request">>, [], Session), Condition, Condition, Told).

-spec terminate(ecm_bosh_answer:condition(), [El :: iodata()], session()) -> ecm_bosh_answer:answer().
terminate(Condition, Els, #session{agreement = Agreement}) ->
    ecm_bosh_answer:terminate(Condition, Els, ecm_bosh_terms:knows_conditions(Agreement)).

%% Answers the oldest open request that somebody waits for, if there is one, with the result of `First' for
%% the room of elements there. The requests before it get `Others'.
-spec answer_first(First :: fun((integer()) -> ecm_bosh_answer:answer()), Others :: ecm_bosh_answer:answer(),
                   session()) -> session().
answer_first(First, Others, #session{requests = Requests} = Session) ->
    case ecm_bosh_window:oldest(Requests) of
        none -> Session;
        {_, {{_, _, Limit}, _}} -> answer(First(ecm_bosh_answer:room_at_end(Limit)), Session);
        {_, _} -> answer_first(First, Others, answer(Others, Session))
    end.

%% Answers all requests. Later ones will get the condition.
-spec finish(ecm_bosh_answer:answer(), ecm_bosh_answer:condition(), term(), session()) -> session().
finish(Answer, Condition, Reason, #session{requests = Requests} = Session) ->
    case ecm_bosh_window:oldest(Requests) of
        none ->
            {_, Early} = ecm_bosh_window:held(Requests),
            Told = tell_all(Early, Answer, Session),
            act({over, Reason}, Told#session{phase = {ended, Condition}});
        {_, _} ->
            finish(Answer, Condition, Reason, answer(Answer, Session))
    end.
