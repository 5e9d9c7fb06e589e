%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The answer to a request as a link carries it: whole, in parts, or the notice that there is none.
%% Pure. A plain link carries nothing except bodies.

-module(ecm_link_answer).

-export([content_type/1, encode/3, form/2, head/2, max_body/1, none/0, part/1]).
-export_type([form/0, head/0]).

%% The Content-Type that ECM adds by itself, and that most clients ask for.
-define(DEFAULT_TYPE, <<"text/xml; charset=utf-8">>).

%% Bytes of a Content-Type that a client may ask for, the same limit as in ECM: the line of a message
%% is bounded.
-define(MAX_TYPE, 128).

%% Bytes around the body of an answer, at most: the header of its packet, and its line with the longest
%% Content-Type, each byte of which may be written as three.
-define(MAX_OVERHEAD, (32 + byte_size(<<"answer 200 content-type=\n">>) + 3 * ?MAX_TYPE)).

%% What stands before the body: its status, and its Content-Type unless that is the default. A session on another
%% node of the cluster may have more to say, in a map, if it runs a later release of mod_ecm.
-type head() :: status() | {status(), ContentType :: binary()} | {status(), ContentType :: binary() | none, map()}.

-type status() :: 200..599.

%% What answers have to fit in: a body of at most `in_packet' bytes goes in one packet, one of at most `longest'
%% bytes in parts.
-type form() :: #{form := ecm_link_connection:form(), in_packet := pos_integer(), longest := pos_integer()}.

%% @doc Returns the Content-Type to send to a client that asks for this one (XEP-0124, section 7.1), or
%% `none' for the default. A type that is too long is ignored here; ECM ignores what is not a type.
-spec content_type(Asked :: binary() | none) -> ContentType :: binary() | none.
content_type(Asked) when is_binary(Asked), Asked =/= ?DEFAULT_TYPE, byte_size(Asked) =< ?MAX_TYPE ->
    Asked;
content_type(_) ->
    none.

-spec head(status(), ContentType :: binary() | none) -> head().
head(Status, none) -> Status;
head(Status, ContentType) -> {Status, ContentType}.

%% @doc Returns the content of the packet that carries an answer.
-spec encode(ecm_link_connection:form(), head(), Body :: iodata()) -> Content :: iodata().
encode(plain, _, Body) ->
    Body;
encode(typed, {Status, Type}, Body) ->
    ecm_link_message:write(answer, [integer_to_binary(Status)], [{<<"content-type">>, Type}], Body);
encode(typed, Status, Body) when is_integer(Status) ->
    ecm_link_message:write(answer, [integer_to_binary(Status)], [], Body);
encode(typed, {Status, none, #{}}, Body) ->  % a later release may say more
    encode(typed, Status, Body);
encode(typed, {Status, Type, #{}}, Body) ->
    encode(typed, {Status, Type}, Body).

%% @doc Returns the content of a packet that carries a part of a body, except its last one.
-spec part(binary()) -> Content :: iodata().
part(Part) ->
    ecm_link_message:write(part, [], [], Part).

%% @doc Returns the bytes of the longest body that fits in a packet of `MaxPacket' bytes.
-spec max_body(MaxPacket :: pos_integer()) -> pos_integer().
max_body(MaxPacket) ->
    MaxPacket - ?MAX_OVERHEAD.

%% @doc Returns the form of the answers of a link, after the agreement with ECM.
-spec form(plain | ecm_link_hello:agreement(), ecm_link_connection:options()) -> form().
form(plain, #{max_packet := MaxPacket}) ->
    InPacket = max_body(MaxPacket),
    #{form => plain, in_packet => InPacket, longest => InPacket};
form(#{max_packet := OfEcm, max_content := InParts}, #{max_packet := MaxPacket, max_content := MaxContent}) ->
    InPacket = max_body(min(MaxPacket, OfEcm)),
    #{form => typed, in_packet => InPacket, longest => max(InPacket, min(MaxContent, InParts))}.

%% @doc Returns the content that says that a request will not be answered. A plain link cannot say it.
-spec none() -> Content :: iodata().
none() ->
    ecm_link_message:write(close, [<<"failed">>], []).
