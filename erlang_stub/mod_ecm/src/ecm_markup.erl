%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What XML may have and a body must not: comments, processing instructions and document types
%% (XEP-0124, section 6). Pure.
%%
%% The XML parser passes over most of it in silence, so it is looked for here, in well-formed XML.
%% An angle bracket in text or in a value is escaped there, but in CDATA sections.

-module(ecm_markup).

-export([is_forbidden/1]).

%% @doc Returns whether there is any of it. A declaration of XML is none, where it may stand.
-spec is_forbidden(binary()) -> boolean().
is_forbidden(<<"<?xml ", Xml/binary>>) -> is_in(Xml);
is_forbidden(Xml) -> is_in(Xml).

-spec is_in(binary()) -> boolean().
is_in(Xml) ->
    case binary:split(Xml, [<<"<!">>, <<"<?">>]) of
        [_] -> false;
        [_, <<"[CDATA[", Text/binary>>] -> is_in(lists:last(binary:split(Text, <<"]]>">>)));
        [_, _] -> true
    end.
