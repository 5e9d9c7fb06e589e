%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Whether a request is new or repeats another (XEP-0124, section 14.3). Pure.

-module(ecm_repetition).

-export([found/4]).

%% @doc Returns what has become of the request that this is or repeats. A repeated one has to show
%% the key that it had, a new one has to show the right one when its turn comes (section 15.4). An
%% answer that went over another link may be longer than the `Limit' of this one: it is not available.
-spec found(ecm_requests:request(), Limit :: pos_integer(), ecm_requests:requests(),
            ecm_keys:keys()) ->
    new | early | open | {answered, ecm_answer:answer()} | {fault, Condition :: binary()}.
found(#{rid := Rid} = Body, Limit, Requests, Keys) ->
    Back = ecm_requests:last(Requests) - Rid,
    HasKey = Back < 0 orelse ecm_keys:repeated(Back, Body, Keys),
    case HasKey andalso ecm_requests:find(Body, Requests) of
        false -> {fault, <<"item-not-found">>};
        forgotten -> {fault, <<"item-not-found">>};
        {answered, Answer} -> available(ecm_answer:fits(Answer, Limit), Answer);
        Found -> Found
    end;
found(_, _, _, _) ->
    {fault, <<"bad-request">>}.

-spec available(boolean(), ecm_answer:answer()) ->
    {answered, ecm_answer:answer()} | {fault, Condition :: binary()}.
available(true, Answer) -> {answered, Answer};
available(false, _) -> {fault, <<"item-not-found">>}.
