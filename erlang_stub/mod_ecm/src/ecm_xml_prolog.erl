%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The prolog of a body (XML 1.0, section 2.8): a byte order mark, an XML declaration, white space.
%% Pure.

-module(ecm_xml_prolog).

-export([skip/1]).

%% Bytes of a declaration. A longer one has nothing that is known.
-define(MAX_DECLARATION, 200).

-define(EQUALS, "[ \t\r\n]*=[ \t\r\n]*").
-define(SPACE, "[ \t\r\n]+").
-define(DECLARATION,
        "^" ?SPACE "version" ?EQUALS "(?:'1\\.[0-9]+'|\"1\\.[0-9]+\")"
        "(?:" ?SPACE "encoding" ?EQUALS
        "(?|'([A-Za-z][A-Za-z0-9._-]*)'|\"([A-Za-z][A-Za-z0-9._-]*)\"))?"
        "(?:" ?SPACE "standalone" ?EQUALS "(?:'(?:yes|no)'|\"(?:yes|no)\"))?"
        "[ \t\r\n]*$").

%% Forbidden in a body, but its start tag is read nevertheless: the session must be told.
-type fault() :: 'forbidden-markup' | 'other-encoding'.

%% @doc Returns what follows the prolog, and its fault, if any. If nothing behind it can be found, an
%% ecm_xml:fault() is thrown.
-spec skip(binary()) -> {Rest :: binary(), fault() | none}.
skip(<<16#EF, 16#BB, 16#BF, Bytes/binary>>) -> declaration(Bytes);
skip(Bytes) -> declaration(Bytes).

-spec declaration(binary()) -> {Rest :: binary(), fault() | none}.
declaration(<<"<?xml version='1.0'?>", Rest/binary>>) ->  % a usual one: no pattern is compiled for it
    misc(Rest, none);
declaration(<<"<?xml version=\"1.0\"?>", Rest/binary>>) ->
    misc(Rest, none);
declaration(<<"<?xml", Bytes/binary>>) ->
    case binary:match(Bytes, <<"?>">>, [{scope, {0, min(?MAX_DECLARATION, byte_size(Bytes))}}]) of
        {Size, _} ->
            <<Declaration:Size/binary, "?>", Rest/binary>> = Bytes,
            Said = re:run(Declaration, ?DECLARATION, [{capture, all_but_first, binary},
                                                      dollar_endonly]),
            misc(Rest, encoding(Said, Rest));
        nomatch ->
            throw('not-xml')
    end;
declaration(Bytes) ->
    misc(Bytes, none).

-spec misc(binary(), fault() | none) -> {Rest :: binary(), fault() | none}.
misc(Bytes, Fault) ->
    case ecm_xml_text:skip_space(Bytes) of
        <<"<!--", Rest/binary>> -> misc(behind(<<"-->">>, Rest), 'forbidden-markup');
        <<"<?", Rest/binary>> -> misc(behind(<<"?>">>, Rest), 'forbidden-markup');
        <<"<!", _/binary>> -> throw('forbidden-markup');
        Rest -> {Rest, Fault}
    end.

-spec behind(End :: binary(), binary()) -> Rest :: binary().
behind(End, Bytes) ->
    case binary:split(Bytes, End) of
        [_, Rest] -> Rest;
        [_] -> throw('forbidden-markup')
    end.

%% A body is UTF-8 (RFC 6120, section 11.6). One that declares another encoding would become another text,
%% unless all its bytes mean the same in both.
-spec encoding({match, [Encoding :: binary()]} | nomatch, binary()) -> 'other-encoding' | none.
encoding({match, []}, _) ->
    none;
encoding({match, [Encoding]}, Rest) ->
    case is_read(string:lowercase(Encoding), Rest) of
        true -> none;
        false -> 'other-encoding'
    end;
encoding(nomatch, _) ->
    throw('not-xml').

-spec is_read(Encoding :: binary(), binary()) -> boolean().
is_read(<<"utf-8">>, _) -> true;
is_read(<<"utf8">>, _) -> true;
is_read(<<"us-ascii">>, _) -> true;
is_read(<<"ascii">>, _) -> true;
is_read(<<"iso-8859-", _/binary>>, Rest) -> is_ascii(Rest);
is_read(<<"windows-125", _/binary>>, Rest) -> is_ascii(Rest);
is_read(_, _) -> false.

-spec is_ascii(binary()) -> boolean().
is_ascii(<<Byte, Rest/binary>>) when Byte < 128 -> is_ascii(Rest);
is_ascii(Rest) -> Rest =:= <<>>.
