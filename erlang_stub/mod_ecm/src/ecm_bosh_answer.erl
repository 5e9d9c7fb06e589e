%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The answer to a BOSH request: an HTTP status and a body. Pure.
%%
%% Most answers are the empty body. As they are also remembered, for the client that repeats its
%% request, an atom stands for it, so that an idle session remembers its answers in next to no
%% memory. Elements are remembered as they are: they are held elsewhere, too.

-module(ecm_bosh_answer).

-export([bytes/1, content/1, fits/2, payload/2, recoverable/0, refusal/1,
         refusal/2, room/2, room_at_end/1, terminate/3]).
-export_type([answer/0, condition/0, status/0]).

-define(EMPTY, <<"<body xmlns='http://jabber.org/protocol/httpbind'/>">>).

%% See XEP-0124, section 17.2.
-define(LONGEST_CONDITION, <<"remote-connection-failed">>).

%% Bytes by which a body is longer that has elements, besides these: the declaration of a prefix, and
%% its end tag in place of `/>'.
-define(MORE, (byte_size(<<" xmlns:stream='http://etherx.jabber.org/streams'></body>">>) - 2)).

-type status() :: 200 | 400 | 403 | 404.
-type answer() :: empty | El :: binary() | {els, [El :: binary()], Bytes :: pos_integer()} |
                  {status(), Body :: binary()}.

%% The name of a terminal binding condition (XEP-0124, section 17.2); `undefined' where a session
%% ends as it should.
-type condition() :: binary() | undefined.

%% @doc Returns what to send for an answer.
-spec content(answer()) -> {status(), Body :: binary()}.
content(empty) -> {200, ?EMPTY};
content(El) when is_binary(El) -> {200, body([], [El])};
content({els, Els, _}) -> {200, body([], Els)};
content({_, _} = Answer) -> Answer.

%% @doc Returns the answer that carries these attributes and elements.
-spec payload([{binary(), iodata()}], Els :: [binary()]) -> answer().
payload([], []) -> empty;
payload([], [El]) -> El;
payload([], Els) -> {els, Els, iolist_size(Els)};
payload(Attrs, Els) -> {200, body(Attrs, Els)}.

%% @doc Returns how many bytes it takes to remember an answer.
-spec bytes(answer()) -> non_neg_integer().
bytes(empty) -> 0;
bytes({els, _, Bytes}) -> Bytes;
bytes({_, Body}) -> byte_size(Body);
bytes(El) -> byte_size(El).

%% @doc Returns whether a body of at most `Limit' bytes can be this answer.
-spec fits(answer(), Limit :: pos_integer()) -> boolean().
fits({Status, Body}, Limit) when is_integer(Status) -> byte_size(Body) =< Limit;
fits(Answer, Limit) -> bytes(Answer) =< room(Limit, []).

%% @doc Returns how many bytes of elements have room beside these attributes in a body of at most
%% `Limit' bytes.
-spec room(Limit :: pos_integer(), [{binary(), iodata()}]) -> integer().
room(Limit, []) -> Limit - byte_size(?EMPTY) - ?MORE;
room(Limit, Attrs) -> Limit - byte_size(body(Attrs, [])) - ?MORE.

%% @doc The same of an answer that ends a session, with any condition.
-spec room_at_end(Limit :: pos_integer()) -> integer().
room_at_end(Limit) ->
    room(Limit, [{<<"type">>, <<"terminate">>}, {<<"condition">>, ?LONGEST_CONDITION}]).

%% @doc Returns the answer that takes nothing from a session, and asks the client to repeat its
%% request (XEP-0124, section 17.3).
-spec recoverable() -> {200, Body :: binary()}.
recoverable() ->
    {200, body([{<<"type">>, <<"error">>}], [])}.

%% @doc Returns the answer to a request that belongs to no session. It is not known whether the client has sent
%% `ver'. So the answer has the status for a client without it (section 17.1), and the body for one with it.
%% With item-not-found, which is not an error of the client and must end the session cleanly, it has 200.
-spec refusal(Condition :: binary()) -> {status(), Body :: binary()}.
refusal(Condition) ->
    refusal(Condition, Condition =:= <<"item-not-found">>).

%% @doc The same for a client of which it is known.
-spec refusal(Condition :: binary(), KnowsConditions :: boolean()) -> {status(), Body :: binary()}.
refusal(Condition, KnowsConditions) ->
    content(terminate(Condition, [], KnowsConditions)).

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
    iolist_to_binary(ecm_bosh_body:write(Attrs, Els)).
