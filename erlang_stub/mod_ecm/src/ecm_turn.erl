%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The request whose turn it is (XEP-0124, section 14.2): only now its key is looked at, and then
%% what is in it. Pure.
%%
%% The key comes first, as what is wrong with the rest of a request is its sender's fault only if
%% that has the key. And as nothing is read before, nobody can have anything read that is not wanted.

-module(ecm_turn).

-export([next/3]).

%% @doc Returns the next request, and the requests and keys after it, if it has come and its time, too.
%% With a fault, its holder is told of it, and holds nothing any more.
-spec next(Now :: integer(), ecm_requests:requests(), ecm_keys:keys()) ->
    {ok, ecm_body:body(), ecm_requests:requests(), ecm_keys:keys()} |
    {fault, Condition :: binary(), ecm_requests:holder(), ecm_requests:requests()} | none.
next(Now, Requests, Keys) ->
    case ecm_requests:next(Now, Requests) of
        {Request, Holder, Next} -> opened(read(Request, Keys), Holder, Next);
        none -> none
    end.

-spec opened({ok, ecm_body:body(), ecm_keys:keys()} | {error, Condition :: binary()},
             ecm_requests:holder(), ecm_requests:requests()) ->
    {ok, ecm_body:body(), ecm_requests:requests(), ecm_keys:keys()} |
    {fault, Condition :: binary(), ecm_requests:holder(), ecm_requests:requests()}.
opened({ok, Body, Keys}, _, Requests) ->
    {ok, Body, Requests, Keys};
opened({error, Condition}, Holder, Requests) ->
    {_, Left} = ecm_requests:hold(ecm_requests:last(Requests), gone, Requests),
    {fault, Condition, Holder, Left}.

-spec read(ecm_requests:request(), ecm_keys:keys()) ->
    {ok, ecm_body:body(), ecm_keys:keys()} | {error, Condition :: binary()}.
read(Request, Keys) ->
    case ecm_keys:next(Request, Keys) of
        {ok, Next} -> with_els(els(Request), Request, Next);
        error -> {error, <<"item-not-found">>}
    end.

-spec with_els({ok, [tuple()]} | {error, ecm_body:fault()}, ecm_requests:request(),
               ecm_keys:keys()) ->
    {ok, ecm_body:body(), ecm_keys:keys()} | {error, Condition :: binary()}.
with_els({ok, Els}, Request, Keys) -> {ok, Request#{els := Els}, Keys};
with_els({error, _}, _, _) -> {error, <<"bad-request">>}.

-spec els(ecm_requests:request()) -> {ok, [tuple()]} | {error, ecm_body:fault()}.
els(#{els := {unread, Content}}) -> ecm_body:els(Content);
els(#{els := Els}) -> {ok, Els}.
