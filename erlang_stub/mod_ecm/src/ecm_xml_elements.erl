%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Counts the elements of XML that is not parsed yet: one look at each byte, no term for any of them.
%% Pure.
%%
%% For XML that ecm_xml accepts, the count is exact. Otherwise it is any number, and the parser finds the
%% fault.

-module(ecm_xml_elements).

-export([exceed/3]).
-export_type([scope/0]).

%% What has so many elements at most: everything together, or each of the outermost elements with those
%% inside it.
-type scope() :: all | each.

-define(IS_QUOTE(Byte), (Byte =:= $' orelse Byte =:= $")).

%% @doc Returns whether there are more than `Most' elements. `Bytes' are the content of an element, and may
%% go on with its end tag. Does not read on when there are more.
-spec exceed(Bytes :: binary(), Most :: non_neg_integer(), scope()) -> boolean().
exceed(Bytes, Most, Scope) ->
    content(Bytes, 0, Most, {Most, Scope}).

%% `Left' elements may still come.
-spec content(binary(), Depth :: integer(), Left :: non_neg_integer(), {non_neg_integer(), scope()}) -> boolean().
content(<<"</", Bytes/binary>>, Depth, Left, Limit) ->
    content(Bytes, Depth - 1, Left, Limit);
content(<<"<![CDATA[", Bytes/binary>>, Depth, Left, Limit) ->
    cdata(Bytes, Depth, Left, Limit);
content(<<$<, Bytes/binary>>, Depth, Left, Limit) ->
    case left(Depth, Left, Limit) of
        0 -> true;
        More -> tag(Bytes, Depth, More - 1, Limit)
    end;
content(<<_, Bytes/binary>>, Depth, Left, Limit) ->
    content(Bytes, Depth, Left, Limit);
content(<<>>, _, _, _) ->
    false.

%% How many may still come at an element of this depth.
-spec left(integer(), non_neg_integer(), {non_neg_integer(), scope()}) -> non_neg_integer().
left(0, _, {Most, each}) -> Most;
left(_, Left, _) -> Left.

-spec cdata(binary(), integer(), non_neg_integer(), {non_neg_integer(), scope()}) -> boolean().
cdata(<<"]]>", Bytes/binary>>, Depth, Left, Limit) -> content(Bytes, Depth, Left, Limit);
cdata(<<_, Bytes/binary>>, Depth, Left, Limit) -> cdata(Bytes, Depth, Left, Limit);
cdata(<<>>, _, _, _) -> false.

%% In a start tag. The values of attributes may have `>'.
-spec tag(binary(), integer(), non_neg_integer(), {non_neg_integer(), scope()}) -> boolean().
tag(<<"/>", Bytes/binary>>, Depth, Left, Limit) ->
    content(Bytes, Depth, Left, Limit);
tag(<<$>, Bytes/binary>>, Depth, Left, Limit) ->
    content(Bytes, Depth + 1, Left, Limit);
tag(<<Quote, Bytes/binary>>, Depth, Left, Limit) when ?IS_QUOTE(Quote) ->
    value(Bytes, Quote, Depth, Left, Limit);
tag(<<_, Bytes/binary>>, Depth, Left, Limit) ->
    tag(Bytes, Depth, Left, Limit);
tag(<<>>, _, _, _) ->
    false.

-spec value(binary(), Quote :: byte(), integer(), non_neg_integer(), {non_neg_integer(), scope()}) -> boolean().
value(<<Quote, Bytes/binary>>, Quote, Depth, Left, Limit) -> tag(Bytes, Depth, Left, Limit);
value(<<_, Bytes/binary>>, Quote, Depth, Left, Limit) -> value(Bytes, Quote, Depth, Left, Limit);
value(<<>>, _, _, _, _) -> false.
