%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Whether a request is new or repeats another (XEP-0124, section 14.3). Pure.

-module(ecm_bosh_repetition).

-export([found/4]).

%% @doc Returns what has become of the request that this is or repeats. A repeated one has to show
%% the key that it had, a new one has to show the right one when its turn comes (section 15.4). An
%% answer that went over another link may be longer than the `Limit' of this one: it is not available.
-spec found(ecm_bosh_window:request(), Limit :: pos_integer(), ecm_bosh_window:requests(),
            ecm_bosh_keys:keys()) ->
    new | early | open | {answered, ecm_bosh_answer:answer()} | {fault, Condition :: binary()}.
found(#{rid := Rid} = Body, Limit, Requests, Keys) ->
    Back = ecm_bosh_window:last(Requests) - Rid,
    HasKey = Back < 0 orelse ecm_bosh_keys:repeated(Back, Body, Keys),
    case HasKey andalso ecm_bosh_window:find(Body, Requests) of
        false -> {fault, <<"item-not-found">>};
        forgotten -> {fault, <<"item-not-found">>};
        {answered, Answer} -> available(ecm_bosh_answer:fits(Answer, Limit), Answer);
        Found -> Found
    end;
found(_, _, _, _) ->
    {fault, <<"bad-request">>}.

-spec available(boolean(), ecm_bosh_answer:answer()) ->
    {answered, ecm_bosh_answer:answer()} | {fault, Condition :: binary()}.
available(true, Answer) -> {answered, Answer};
available(false, _) -> {fault, <<"item-not-found">>}.
