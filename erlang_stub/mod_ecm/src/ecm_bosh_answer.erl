%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The answer to a BOSH request: an HTTP status and a body. Pure.
%%
%% Most answers are the empty body. Answers are kept for a client that repeats its request, so an atom
%% stands for the empty one: an idle session keeps its answers in next to no memory. Elements are kept as
%% they are, because others refer to them, too; but a short one alone as an integer.

-module(ecm_bosh_answer).

-export([bytes/1, content/1, fits/2, kept/1, payload/2, recoverable/0, refusal/1,
         refusal/2, room/2, room_at_end/1, terminate/3, whole/1]).
-export_type([answer/0, condition/0, kept/0, status/0]).

-define(EMPTY, <<"<body xmlns='http://jabber.org/protocol/httpbind'/>">>).

%% The longest of XEP-0124, section 17.2.
-define(MAX_CONDITION, <<"remote-connection-failed">>).

%% Bytes that a body with elements has besides these: the declaration of a prefix, and an end tag in place
%% of `/>'.
-define(MORE, (byte_size(<<" xmlns:stream='http://etherx.jabber.org/streams'></body>">>) - 2)).

%% A binary of up to so many bytes is on the heap of a process. A longer one is elsewhere, and takes some
%% 120 bytes beside its own; an integer takes eight. But a heap is copied each time that the process
%% wakes up, so a long one stays.
-define(MAX_ON_HEAP, 64).
-define(MAX_INTEGER, 256).

-type status() :: 200 | 400 | 403 | 404.
-type answer() :: empty | El :: binary() | {els, [El :: binary()], Bytes :: pos_integer()} |
                  {status(), Body :: binary()}.

%% An answer as it is kept: the integer is an element.
-type kept() :: answer() | pos_integer().

%% A terminal binding condition (XEP-0124, section 17.2); `undefined' if a session ends without an error.
-type condition() :: binary() | undefined.

%% @doc Returns the status and the bytes to send.
-spec content(answer()) -> {status(), Body :: binary()}.
content(empty) -> {200, ?EMPTY};
content(El) when is_binary(El) -> {200, body([], [El])};
content({els, Els, _}) -> {200, body([], Els)};
content({_, _} = Answer) -> Answer.

%% @doc Returns the answer with these attributes and elements.
-spec payload([{binary(), iodata()}], Els :: [binary()]) -> answer().
payload([], []) -> empty;
payload([], [El]) -> El;
payload([], Els) -> {els, Els, iolist_size(Els)};
payload(Attrs, Els) -> {200, body(Attrs, Els)}.

%% @doc Returns the answer in less memory, for a client that repeats its request.
-spec kept(answer()) -> kept().
kept(El) when byte_size(El) > ?MAX_ON_HEAP, byte_size(El) =< ?MAX_INTEGER -> binary:decode_unsigned(El);
kept(Answer) -> Answer.

%% @doc Returns the answer as it was before it was kept. An element begins with `<', and so has no
%% first byte 0, which would be lost.
-spec whole(kept()) -> answer().
whole(Kept) when is_integer(Kept) -> binary:encode_unsigned(Kept);
whole(Answer) -> Answer.

%% @doc Returns the bytes that a kept answer has, at most: an integer counts as the longest, because its bytes are
%% unknown until it is converted.
-spec bytes(kept()) -> non_neg_integer().
bytes(empty) -> 0;
bytes({els, _, Bytes}) -> Bytes;
bytes({_, Body}) -> byte_size(Body);
bytes(Kept) when is_integer(Kept) -> ?MAX_INTEGER;
bytes(El) -> byte_size(El).

%% @doc Returns whether the answer fits in a body of at most `Limit' bytes.
-spec fits(answer(), Limit :: pos_integer()) -> boolean().
fits({Status, Body}, Limit) when is_integer(Status) -> byte_size(Body) =< Limit;
fits(Answer, Limit) -> bytes(Answer) =< room(Limit, []).

%% @doc Returns the bytes of room for elements, beside these attributes, in a body of at most `Limit' bytes.
-spec room(Limit :: pos_integer(), [{binary(), iodata()}]) -> integer().
room(Limit, []) -> Limit - byte_size(?EMPTY) - ?MORE;
room(Limit, Attrs) -> Limit - byte_size(body(Attrs, [])) - ?MORE.

%% @doc The same for an answer that ends a session, with any condition.
-spec room_at_end(Limit :: pos_integer()) -> integer().
room_at_end(Limit) ->
    room(Limit, [{<<"type">>, <<"terminate">>}, {<<"condition">>, ?MAX_CONDITION}]).

%% @doc Returns the answer that leaves the session as it is, and asks the client to repeat its request
%% (XEP-0124, section 17.3).
-spec recoverable() -> {200, Body :: binary()}.
recoverable() ->
    {200, body([{<<"type">>, <<"error">>}], [])}.

%% @doc Returns the answer to a request that belongs to no session. It is not known whether the client has
%% sent `ver'. So the answer has the status for a client without it (section 17.1), and the body for one
%% with it. With item-not-found, which is not an error of the client and must end the session cleanly, it
%% has 200.
-spec refusal(Condition :: binary()) -> {status(), Body :: binary()}.
refusal(Condition) ->
    refusal(Condition, Condition =:= <<"item-not-found">>).

%% @doc The same if it is known whether the client has sent `ver'.
-spec refusal(Condition :: binary(), KnowsConditions :: boolean()) -> {status(), Body :: binary()}.
refusal(Condition, KnowsConditions) ->
    content(terminate(Condition, [], KnowsConditions)).

%% @doc Returns the answer that ends a session. Its status is 200, unless the client is older than the
%% conditions (XEP-0124, section 17.1). The body is the same for those, because some clients expect XML
%% whatever the status.
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
