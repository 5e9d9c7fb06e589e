%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The answer to a BOSH request: an HTTP status and a body. Pure.
%%
%% Most answers are the empty body. As they are also remembered, for the client that repeats its
%% request, an atom stands for it, so that an idle session remembers its answers in next to no
%% memory. Elements are remembered as they are: they are held elsewhere, too.

-module(ecm_answer).

-export([content/1, payload/2, recoverable/0, terminate/3]).
-export_type([answer/0, condition/0, status/0]).

-define(EMPTY, <<"<body xmlns='http://jabber.org/protocol/httpbind'/>">>).

-type status() :: 200 | 400 | 403 | 404.
-type answer() :: empty | El :: binary() | {els, [El :: iodata()]} | {status(), Body :: binary()}.

%% The name of a terminal binding condition (XEP-0124, section 17.2); `undefined' where a session
%% ends as it should.
-type condition() :: binary() | undefined.

%% @doc Returns what to send for an answer.
-spec content(answer()) -> {status(), Body :: binary()}.
content(empty) -> {200, ?EMPTY};
content(El) when is_binary(El) -> {200, body([], [El])};
content({els, Els}) -> {200, body([], Els)};
content({_, _} = Answer) -> Answer.

%% @doc Returns the answer that carries these attributes and elements.
-spec payload([{binary(), iodata()}], Els :: [iodata()]) -> answer().
payload([], []) -> empty;
payload([], [El]) when is_binary(El) -> El;
payload([], Els) -> {els, Els};
payload(Attrs, Els) -> {200, body(Attrs, Els)}.

%% @doc Returns the answer that takes nothing from a session, and asks the client to repeat its
%% request (XEP-0124, section 17.3).
-spec recoverable() -> {200, Body :: binary()}.
recoverable() ->
    {200, body([{<<"type">>, <<"error">>}], [])}.

%% @doc Returns the answer that ends a session. The status says 200 unless the client knows no
%% conditions because it is older than them (XEP-0124, section 17.1); the body is the same for it,
%% because some clients want XML whatever the status.
-spec terminate(condition(), Els :: [iodata()], KnowsConditions :: boolean()) ->
    {status(), Body :: binary()}.
terminate(undefined, Els, _) ->
    {200, body([{<<"type">>, <<"terminate">>}], Els)};
terminate(Condition, Els, KnowsConditions) ->
    Attrs = [{<<"type">>, <<"terminate">>}, {<<"condition">>, Condition}],
    {status(Condition, KnowsConditions), body(Attrs, Els)}.

-spec status(binary(), KnowsConditions :: boolean()) -> status().
status(<<"bad-request">>, false) -> 400;
status(<<"policy-violation">>, false) -> 403;
status(<<"item-not-found">>, false) -> 404;
status(_, _) -> 200.

-spec body([{binary(), iodata()}], [iodata()]) -> binary().
body(Attrs, Els) ->
    iolist_to_binary(ecm_body:write(Attrs, Els)).
