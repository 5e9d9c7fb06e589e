%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Overactivity of a client: RIDs beyond the window, too many requests at once, polls too often
%% (XEP-0124, sections 11, 12 and 14.2). Pure.
%%
%% A client makes too many requests at once if as many earlier ones have arrived and are not answered. A
%% missing one does not count, and is welcome: the window bounds how many there may be.
%%
%% A client that does not poll may make empty requests as often as it likes. Its polling interval is 0, and
%% the answer to the request before limits its rate.

-module(ecm_bosh_overactivity).

-export([fault/5, poll/4, postpone/2]).
-export_type([poll/0]).

%% The time of the last request, in milliseconds, if it was a poll with an empty answer.
-type poll() :: integer() | never.

%% @doc Returns the condition that a new request violates, if any. `Poll' is the result of poll/4 for the
%% last request in order.
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

%% A request that pauses or ends the session may be one more than usual.
-spec extra(ecm_bosh_window:request()) -> 0 | 1.
extra(#{type := terminate}) -> 1;
extra(#{pause := _}) -> 1;
extra(_) -> 0.

-spec polls_too_fast(ecm_bosh_window:request(), integer(), poll()) -> boolean().
polls_too_fast(_, _, never) -> false;
polls_too_fast(Body, Now, Poll) -> is_poll(Body) andalso Now - Poll < ecm_bosh_terms:min_poll_interval().

%% @doc Returns what to keep of a request at `Now'. `IsNothing' says that nothing waits for its client.
-spec poll(ecm_bosh_window:request(), IsNothing :: boolean(), Now :: integer(), ecm_bosh_terms:agreement()) ->
    poll().
poll(Body, IsNothing, Now, Agreement) ->
    case ecm_bosh_terms:is_polling(Agreement) andalso IsNothing andalso is_poll(Body) of
        true -> Now;
        false -> never
    end.

-spec is_poll(ecm_bosh_window:request()) -> boolean().
is_poll(#{els := [_ | _]}) -> false;
is_poll(#{els := {exceeds, _}}) -> false;
is_poll(#{els := {unread, Content}} = Request) ->
    ecm_bosh_body:els(Content) =:= {ok, []} andalso is_poll(Request#{els := []});
is_poll(Body) -> not lists:any(fun(Key) -> is_map_key(Key, Body) end, [type, pause, restart]).

%% @doc Moves the time by so many milliseconds.
-spec postpone(Milliseconds :: integer(), poll()) -> poll().
postpone(_, never) -> never;
postpone(By, Poll) -> Poll + By.
