%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The request whose turn it is (XEP-0124, section 14.2): only now its key is looked at, and then
%% what is in it. Pure.
%%
%% The key comes first, as what is wrong with the rest of a request is its sender's fault only if
%% that has the key. And as nothing is read before, nobody can have anything read that is not wanted.

-module(ecm_bosh_turn).

-export([next/3]).

%% @doc Returns the next request, and the requests and keys after it, if it has come and its time, too.
%% With a fault, its holder is told of it, and holds nothing any more.
-spec next(Now :: integer(), ecm_bosh_window:requests(), ecm_bosh_keys:keys()) ->
    {ok, ecm_bosh_body:body(), ecm_bosh_window:requests(), ecm_bosh_keys:keys()} |
    {fault, Condition :: binary(), ecm_bosh_window:holder(), ecm_bosh_window:requests()} | none.
next(Now, Requests, Keys) ->
    case ecm_bosh_window:next(Now, Requests) of
        {Request, Holder, Next} -> opened(read(Request, Keys), Holder, Next);
        none -> none
    end.

-spec opened({ok, ecm_bosh_body:body(), ecm_bosh_keys:keys()} | {error, Condition :: binary()},
             ecm_bosh_window:holder(), ecm_bosh_window:requests()) ->
    {ok, ecm_bosh_body:body(), ecm_bosh_window:requests(), ecm_bosh_keys:keys()} |
    {fault, Condition :: binary(), ecm_bosh_window:holder(), ecm_bosh_window:requests()}.
opened({ok, Body, Keys}, _, Requests) ->
    {ok, Body, Requests, Keys};
opened({error, Condition}, Holder, Requests) ->
    {_, Left} = ecm_bosh_window:hold(ecm_bosh_window:last(Requests), gone, Requests),
    {fault, Condition, Holder, Left}.

-spec read(ecm_bosh_window:request(), ecm_bosh_keys:keys()) ->
    {ok, ecm_bosh_body:body(), ecm_bosh_keys:keys()} | {error, Condition :: binary()}.
read(Request, Keys) ->
    case ecm_bosh_keys:next(Request, Keys) of
        {ok, Next} -> with_els(els(Request), Request, Next);
        error -> {error, <<"item-not-found">>}
    end.

-spec with_els({ok, [tuple()]} | {error, ecm_bosh_body:fault()}, ecm_bosh_window:request(),
               ecm_bosh_keys:keys()) ->
    {ok, ecm_bosh_body:body(), ecm_bosh_keys:keys()} | {error, Condition :: binary()}.
with_els({ok, Els}, Request, Keys) -> {ok, Request#{els := Els}, Keys};
with_els({error, _}, _, _) -> {error, <<"bad-request">>}.

-spec els(ecm_bosh_window:request()) -> {ok, [tuple()]} | {error, ecm_bosh_body:fault()}.
els(#{els := {unread, Content}}) -> ecm_bosh_body:els(Content);
els(#{els := Els}) -> {ok, Els}.
