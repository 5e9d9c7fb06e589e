%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The place of a request in its session, by its RID and its key: new or repeated (XEP-0124,
%% section 14.3), and whose turn it is (14.2). Pure.
%%
%% A key is checked when the turn of its request comes, and before the stanzas are read: an error in
%% them is the client's fault only if the client has sent them. And nobody without the key can make
%% the server parse anything.

-module(ecm_bosh_sequence).

-export([find/4, next/3]).

%% @doc Returns what has become of the request that this is or repeats. A repeated request must show the
%% key that it had, a new one shows the right one when its turn comes (section 15.4). An answer that
%% went over another link may be longer than the `Limit' of this one: then it is not available.
-spec find(ecm_bosh_window:request(), Limit :: pos_integer(), ecm_bosh_window:requests(),
           ecm_bosh_keys:keys()) ->
    new | early | open | {answered, ecm_bosh_answer:answer()} | {fault, Condition :: binary()}.
find(#{rid := Rid} = Body, Limit, Requests, Keys) ->
    Back = ecm_bosh_window:last(Requests) - Rid,
    HasKey = Back < 0 orelse ecm_bosh_keys:repeated(Back, Body, Keys),
    case HasKey andalso ecm_bosh_window:find(Body, Requests) of
        false -> {fault, <<"item-not-found">>};
        forgotten -> {fault, <<"item-not-found">>};
        {answered, Answer} -> available(ecm_bosh_answer:fits(Answer, Limit), Answer);
        Found -> Found
    end;
find(_, _, _, _) ->
    {fault, <<"bad-request">>}.

-spec available(Fits :: boolean(), ecm_bosh_answer:answer()) ->
    {answered, ecm_bosh_answer:answer()} | {fault, Condition :: binary()}.
available(true, Answer) -> {answered, Answer};
available(false, _) -> {fault, <<"item-not-found">>}.

%% @doc Returns the next request in order, with its stanzas or the limit that it exceeds, and the window and keys after
%% it, if it has come and is due. With a fault, its holder is told of it, and holds nothing any more.
-spec next(Now :: integer(), ecm_bosh_window:requests(), ecm_bosh_keys:keys()) ->
    {ok, ecm_bosh_window:request(), ecm_bosh_window:requests(), ecm_bosh_keys:keys()} |
    {fault, Condition :: binary(), ecm_bosh_window:holder(), ecm_bosh_window:requests()} | none.
next(Now, Requests, Keys) ->
    case ecm_bosh_window:next(Now, Requests) of
        {Request, Holder, Next} -> opened(read(Request, Keys), Holder, Next);
        none -> none
    end.

-spec opened({ok, ecm_bosh_window:request(), ecm_bosh_keys:keys()} | {error, Condition :: binary()},
             ecm_bosh_window:holder(), ecm_bosh_window:requests()) ->
    {ok, ecm_bosh_window:request(), ecm_bosh_window:requests(), ecm_bosh_keys:keys()} |
    {fault, Condition :: binary(), ecm_bosh_window:holder(), ecm_bosh_window:requests()}.
opened({ok, Body, Keys}, _, Requests) ->
    {ok, Body, Requests, Keys};
opened({error, Condition}, Holder, Requests) ->
    {_, Left} = ecm_bosh_window:hold(ecm_bosh_window:last(Requests), gone, Requests),
    {fault, Condition, Holder, Left}.

-spec read(ecm_bosh_window:request(), ecm_bosh_keys:keys()) ->
    {ok, ecm_bosh_window:request(), ecm_bosh_keys:keys()} | {error, Condition :: binary()}.
read(Request, Keys) ->
    case ecm_bosh_keys:next(Request, Keys) of
        {ok, Next} -> with_els(els(Request), Request, Next);
        error -> {error, <<"item-not-found">>}
    end.

-spec with_els({ok, [tuple()] | {exceeds, Limit :: atom()}} | {error, ecm_bosh_body:fault()}, ecm_bosh_window:request(),
               ecm_bosh_keys:keys()) ->
    {ok, ecm_bosh_window:request(), ecm_bosh_keys:keys()} | {error, Condition :: binary()}.
with_els({ok, Els}, Request, Keys) -> {ok, Request#{els := Els}, Keys};
with_els({error, _}, _, _) -> {error, <<"bad-request">>}.

-spec els(ecm_bosh_window:request()) ->
    {ok, [tuple()] | {exceeds, Limit :: atom()}} | {error, ecm_bosh_body:fault()}.
els(#{els := {unread, Content}}) -> ecm_bosh_body:els(Content);
els(#{els := Els}) -> {ok, Els}.
