%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The elements of a session for its client: those that wait, and those in answers that the client may
%% not have received. Pure.
%%
%% A stanza that is too long for an answer is replaced by its envelope (ecm_bosh_bounce), and the caller is
%% told.

-module(ecm_bosh_deliveries).

-export([add/3, confirm/4, dehydrate/1, ending/2, errors/1, given/4, has_nothing/1, is_too_much/3,
         left/1, new/0, postpone/2, rehydrate/1, report/3, take/4,
         waiting/1]).
-export_type([bounce/0, deliveries/0]).

-record(deliveries, {outbox = ecm_bosh_outbox:new() :: ecm_bosh_outbox:outbox(),
                     unacked = ecm_bosh_unacked:new() :: ecm_bosh_unacked:unacked()}).

-opaque deliveries() :: #deliveries{}.

%% A stanza of so many bytes was replaced, because at most `Limit' can be sent.
-type bounce() ::
    {bounce, Instead :: ecm_bosh_outbox:el(), Bytes :: pos_integer(), Limit :: integer()}.

-spec new() -> deliveries().
new() -> #deliveries{}.

%% @doc Queues an element.
-spec add(ecm_bosh_outbox:el(), ecm_bosh_terms:agreement(), deliveries()) -> {[bounce()], deliveries()}.
add(El, Agreement, #deliveries{outbox = Outbox} = Deliveries) ->
    case ecm_bosh_terms:limit(max_stanza_to_client, Agreement) of
        Limit when byte_size(El) > Limit ->
            {Bounce, Instead} = bounce(El, Limit),
            {[Bounce], Deliveries#deliveries{outbox = ecm_bosh_outbox:add(Instead, Outbox)}};
        _ ->
            {[], Deliveries#deliveries{outbox = ecm_bosh_outbox:add(El, Outbox)}}
    end.

-spec bounce(ecm_bosh_outbox:el(), Limit :: integer()) -> {bounce(), Instead :: ecm_bosh_outbox:el()}.
bounce(El, Limit) ->
    Instead = ecm_bosh_bounce:envelope(El, Limit),
    {{bounce, Instead, byte_size(El), Limit}, Instead}.

%% @doc Takes the elements for an answer: no more than one may have, and no more than fit. `Most' is the
%% room in an answer without attributes: an element that does not fit there is too long.
-spec take(Room :: integer(), Most :: integer(), ecm_bosh_terms:agreement(), deliveries()) ->
    {[ecm_bosh_outbox:el()], [bounce()], deliveries()}.
take(Room, Most, Agreement, #deliveries{outbox = Outbox} = Deliveries) ->
    Count = ecm_bosh_terms:limit(max_concat, Agreement),
    Bytes = min(Room, ecm_bosh_terms:limit(max_answer, Agreement)),
    case ecm_bosh_outbox:take(Count, Bytes, Room, Outbox) of
        {ok, Els, Rest} ->
            {Els, [], Deliveries#deliveries{outbox = Rest}};
        {too_long, El, Same} when byte_size(El) =< Most ->
            {[], [], Deliveries#deliveries{outbox = Same}};
        {too_long, El, Same} ->
            {Bounce, Instead} = bounce(El, Most),
            Replaced = Deliveries#deliveries{outbox = ecm_bosh_outbox:replace(Instead, Same)},
            {Els, Bounces, Next} = take(Room, Most, Agreement, Replaced),
            {Els, [Bounce | Bounces], Next}
    end.

%% @doc Notes that these elements are in the answer to the request with this RID.
-spec given(ecm_bosh_window:rid(), [ecm_bosh_outbox:el()], Now :: integer(), deliveries()) -> deliveries().
given(Rid, Els, Now, #deliveries{unacked = Unacked} = Deliveries) ->
    Deliveries#deliveries{unacked = ecm_bosh_unacked:add(Rid, Els, Now, Unacked)}.

%% @doc Notes what the client has received. It makes a request when it has received an answer, unless it
%% acknowledges answers explicitly (XEP-0124, section 9.2). But it makes one with stanzas also beside a request
%% that is held, and the answer to that may cross it on the way. What the client has not received stays, even if
%% the answer cannot be repeated any more.
-spec confirm(ecm_bosh_window:request(), Now :: integer(), ecm_bosh_terms:agreement(), deliveries()) -> deliveries().
confirm(Body, Now, Agreement, #deliveries{unacked = Unacked} = Deliveries) ->
    Deliveries#deliveries{unacked = confirmed(Body, Now, Agreement, Unacked)}.

-spec confirmed(ecm_bosh_window:request(), Now :: integer(), ecm_bosh_terms:agreement(), ecm_bosh_unacked:unacked()) ->
    ecm_bosh_unacked:unacked().
confirmed(#{ack := Ack}, _, _, Unacked) ->
    ecm_bosh_unacked:confirm(Ack, Unacked);
confirmed(#{rid := Rid, els := [_ | _]}, Now, Agreement, Unacked) ->
    case ecm_bosh_terms:acknowledges(Agreement) of
        true -> ecm_bosh_unacked:confirm(Rid, Unacked);
        false -> ecm_bosh_unacked:confirm(Rid - ecm_bosh_terms:requests(Agreement), Now, Unacked)
    end;
confirmed(#{rid := Rid}, _, _, Unacked) ->
    ecm_bosh_unacked:confirm(Rid, Unacked).

%% @doc See ecm_bosh_unacked:report/3.
-spec report(ecm_bosh_window:request(), Now :: integer(), deliveries()) -> [{binary(), binary()}].
report(Body, Now, #deliveries{unacked = Unacked}) ->
    ecm_bosh_unacked:report(Body, Now, Unacked).

-spec has_nothing(deliveries()) -> boolean().
has_nothing(#deliveries{outbox = Outbox}) -> ecm_bosh_outbox:is_empty(Outbox).

%% @doc Returns whether more is kept than may be: what waits, and what was in the answers up to this RID,
%% which cannot be repeated.
-spec is_too_much(Forgotten :: integer(), ecm_bosh_terms:agreement(), deliveries()) -> boolean().
is_too_much(Forgotten, Agreement, #deliveries{outbox = Outbox, unacked = Unacked}) ->
    {Count, Bytes} = ecm_bosh_unacked:up_to(Forgotten, Unacked),
    ecm_bosh_outbox:count(Outbox) + Count > ecm_bosh_terms:limit(max_waiting, Agreement)
        orelse ecm_bosh_outbox:bytes(Outbox) + Bytes > ecm_bosh_terms:limit(max_waiting_size, Agreement).

%% @doc Returns how many elements wait for an answer, and their bytes.
-spec waiting(deliveries()) -> {Count :: non_neg_integer(), Bytes :: non_neg_integer()}.
waiting(#deliveries{outbox = Outbox}) ->
    {ecm_bosh_outbox:count(Outbox), ecm_bosh_outbox:bytes(Outbox)}.

%% @doc Returns what the client may not have received, the oldest first.
-spec left(deliveries()) -> [ecm_bosh_outbox:el()].
left(#deliveries{outbox = Outbox, unacked = Unacked}) ->
    ecm_bosh_unacked:els(Unacked) ++ ecm_bosh_outbox:els(Outbox).

%% @doc See ecm_bosh_outbox:ending/2.
-spec ending(Room :: integer(), deliveries()) -> [ecm_bosh_outbox:el()].
ending(Room, #deliveries{outbox = Outbox}) -> ecm_bosh_outbox:ending(Room, Outbox).

%% @doc See ecm_bosh_outbox:errors/1.
-spec errors(deliveries()) -> [ecm_bosh_outbox:el()].
errors(#deliveries{outbox = Outbox}) -> ecm_bosh_outbox:errors(Outbox).

%% @doc See ecm_bosh_unacked:postpone/2.
-spec postpone(Milliseconds :: integer(), deliveries()) -> deliveries().
postpone(By, #deliveries{unacked = Unacked} = Deliveries) ->
    Deliveries#deliveries{unacked = ecm_bosh_unacked:postpone(By, Unacked)}.

%% @doc Returns them in fewer words of memory, if nothing waits.
-spec dehydrate(deliveries()) -> Dehydrated :: term().
dehydrate(#deliveries{outbox = Outbox, unacked = Unacked} = Deliveries) ->
    case ecm_bosh_outbox:is_empty(Outbox) of
        true -> Unacked;
        false -> Deliveries
    end.

%% @doc Returns them as they were.
-spec rehydrate(Dehydrated :: term()) -> deliveries().
rehydrate(#deliveries{} = Deliveries) -> Deliveries;
rehydrate(Unacked) -> #deliveries{unacked = Unacked}.
