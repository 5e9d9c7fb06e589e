%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The contents that mod_ecm sends on the connection of a client, where a request waits. Pure.

-module(ecm_link_content).

-export([answer/3, asked/1, dropped/0, head/2, longest_body/1, part/1]).
-export_type([head/0]).

%% What ECM says by itself, and most clients ask for.
-define(USUAL, <<"text/xml; charset=utf-8">>).

%% Bytes of a Content-Type that a client may ask for, as ECM has it. A typed line has an end.
-define(LONGEST_TYPE, 128).

%% Bytes around the body of an answer, at most: the header of its packet, and its line with the longest
%% Content-Type, each byte of which may be written as three.
-define(AROUND, (32 + byte_size(<<"answer 200 content-type=\n">>) + 3 * ?LONGEST_TYPE)).

%% Of an answer: its status, and the Content-Type where the client has asked for another one.
-type head() :: status() | {status(), ContentType :: binary()}.

-type status() :: 200..599.

%% @doc Returns the Content-Type that this request for a session asks for (XEP-0124, section 7.1), if
%% it is not what is said anyway. What is too long is left out here, and what is none by ECM.
-spec asked(ecm_bosh_body:body()) -> ContentType :: binary() | none.
asked(#{content := Content}) when Content =/= ?USUAL, byte_size(Content) =< ?LONGEST_TYPE -> Content;
asked(_) -> none.

%% @doc Returns what is before the body of an answer.
-spec head(status(), ContentType :: binary() | none) -> head().
head(Status, none) -> Status;
head(Status, Content) -> {Status, Content}.

%% @doc Returns the content that answers a request. A plain link has nothing but the body.
-spec answer(ecm_link_connection:form(), head(), Body :: iodata()) -> Content :: iodata().
answer(plain, _, Body) ->
    Body;
answer(typed, {Status, Type}, Body) ->
    ecm_link_message:write(answer, [integer_to_binary(Status)], [{<<"content-type">>, Type}], Body);
answer(typed, Status, Body) ->
    ecm_link_message:write(answer, [integer_to_binary(Status)], [], Body).

%% @doc Returns the content that is a part of the body of an answer, and not the last one.
-spec part(binary()) -> Content :: iodata().
part(Part) ->
    ecm_link_message:write(part, [], [], Part).

%% @doc Returns how many bytes the body of an answer may have where a packet has at most so many.
-spec longest_body(MaxPacket :: pos_integer()) -> pos_integer().
longest_body(MaxPacket) ->
    MaxPacket - ?AROUND.

%% @doc Returns the content that says that a request will have no answer. A plain link has none.
-spec dropped() -> Content :: iodata().
dropped() ->
    ecm_link_message:write(close, [<<"failed">>], []).
