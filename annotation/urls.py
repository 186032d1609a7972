"""Addresses of the pages people judge on."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
