%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What a client must not do in a BOSH session: skip RIDs, make too many requests at once, or
%% poll too often (XEP-0124, sections 11, 12 and 14.2). Pure.
%%
%% A client has made too many at once if as many that it made before have come, and are not answered.
%% One that is missing does not count, and is welcome: how many may be is bounded by the RIDs.
%%
%% Other clients than those that poll may make empty requests as often as they like. Their interval
%% is 0, and the answer to the one before holds each of them up.

-module(ecm_bosh_overactivity).

-export([fault/5, poll/4]).
-export_type([poll/0]).

%% When the last request came, in milliseconds, if it was a poll that got an empty answer.
-type poll() :: integer() | never.

%% @doc Returns which condition a new request meets, if any. `Poll' is what poll/4 returned for the
%% last one in order.
-spec fault(ecm_bosh_window:request(), Now :: integer(), poll(), ecm_bosh_window:requests(),
            ecm_bosh_terms:agreement()) -> none | Condition :: binary().
fault(#{rid := Rid} = Body, Now, Poll, Requests, Agreement) ->
    AtOnce = ecm_bosh_terms:requests(Agreement) + extra(Body),
    Next = ecm_bosh_window:last(Requests) + 1,
    Before = ecm_bosh_window:held_before(Rid, Requests),
    PollsTooFast = Rid =:= Next andalso polls_too_fast(Body, Now, Poll),
    if
        Rid >= Next + AtOnce -> <<"item-not-found">>;
        Before >= AtOnce -> <<"policy-violation">>;
        PollsTooFast -> <<"policy-violation">>;
        true -> none
    end.

%% One request more may be made to pause or to end the session.
-spec extra(ecm_bosh_body:body()) -> 0 | 1.
extra(#{type := terminate}) -> 1;
extra(#{pause := _}) -> 1;
extra(_) -> 0.

-spec polls_too_fast(ecm_bosh_window:request(), integer(), poll()) -> boolean().
polls_too_fast(_, _, never) -> false;
polls_too_fast(Body, Now, Poll) -> is_poll(Body) andalso Now - Poll < ecm_bosh_terms:shortest_poll().

%% @doc Returns what to remember of a request that comes at `Now'; `IsNothing' waits for it.
-spec poll(ecm_bosh_body:body(), IsNothing :: boolean(), Now :: integer(), ecm_bosh_terms:agreement()) ->
    poll().
poll(Body, IsNothing, Now, Agreement) ->
    case ecm_bosh_terms:is_polling(Agreement) andalso IsNothing andalso is_poll(Body) of
        true -> Now;
        false -> never
    end.

-spec is_poll(ecm_bosh_window:request()) -> boolean().
is_poll(#{els := [_ | _]}) -> false;
is_poll(#{els := {unread, Content}} = Request) ->
    ecm_bosh_body:els(Content) =:= {ok, []} andalso is_poll(Request#{els := []});
is_poll(Body) -> not lists:any(fun(Key) -> is_map_key(Key, Body) end, [type, pause, restart]).
