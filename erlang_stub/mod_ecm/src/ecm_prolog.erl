%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What may be in front of a body (XML 1.0, section 2.8): a byte order mark, a declaration of
%% XML, white space. Pure.

-module(ecm_prolog).

-export([skip/1]).

%% Bytes of a declaration; a longer one says nothing that is known.
-define(MAX_DECLARATION, 200).

-define(EQUALS, "[ \t\r\n]*=[ \t\r\n]*").
-define(SPACE, "[ \t\r\n]+").
-define(DECLARATION,
        "^" ?SPACE "version" ?EQUALS "(?:'1\\.[0-9]+'|\"1\\.[0-9]+\")"
        "(?:" ?SPACE "encoding" ?EQUALS
        "(?|'([A-Za-z][A-Za-z0-9._-]*)'|\"([A-Za-z][A-Za-z0-9._-]*)\"))?"
        "(?:" ?SPACE "standalone" ?EQUALS "(?:'(?:yes|no)'|\"(?:yes|no)\"))?"
        "[ \t\r\n]*$").

%% @doc Returns what follows it; throws what is wrong with it, an ecm_xml:fault().
-spec skip(binary()) -> Rest :: binary().
skip(<<16#EF, 16#BB, 16#BF, Bytes/binary>>) -> declaration(Bytes);
skip(Bytes) -> declaration(Bytes).

-spec declaration(binary()) -> Rest :: binary().
declaration(<<"<?xml", Bytes/binary>>) ->
    case binary:match(Bytes, <<"?>">>, [{scope, {0, min(?MAX_DECLARATION, byte_size(Bytes))}}]) of
        {Size, _} ->
            <<Declaration:Size/binary, "?>", Rest/binary>> = Bytes,
            encoding(re:run(Declaration, ?DECLARATION, [{capture, all_but_first, binary},
                                                        dollar_endonly]), Rest),
            body(Rest);
        nomatch ->
            throw('not-xml')
    end;
declaration(Bytes) ->
    body(Bytes).

-spec body(binary()) -> Rest :: binary().
body(Bytes) ->
    case ecm_xml:skip_space(Bytes) of
        <<"<!", _/binary>> -> throw('forbidden-markup');
        <<"<?", _/binary>> -> throw('forbidden-markup');
        Rest -> Rest
    end.

%% A body is read as UTF-8 (RFC 6120, section 11.6). One that says that it is something else would
%% become another text, unless it has nothing but what is the same in both.
-spec encoding({match, [Encoding :: binary()]} | nomatch, binary()) -> ok.
encoding({match, []}, _) ->
    ok;
encoding({match, [Encoding]}, Rest) ->
    is_read(string:lowercase(Encoding), Rest) orelse throw('other-encoding'),
    ok;
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
