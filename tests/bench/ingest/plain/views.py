"""The same webhook in two other ways: DRF with the ORM as its manuals show it, and a Django view
with one SQL statement. Both verify the signature, and answer after the commit."""

from __future__ import annotations

import hashlib
import hmac
import json

from django.contrib.auth.models import AnonymousUser
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tests.bench.ingest.plain.models import Account, Event, Transition
from tests.bench.ingest.plain.sql import ONE_STATEMENT
from tests.bench.ingest.traffic import SECRET


def is_signed(request: HttpRequest) -> bool:
    timestamp = request.headers.get("X-Timestamp", "")
    digest = hmac.new(SECRET, timestamp.encode() + request.body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(digest, request.headers.get("X-HMAC-Signature", ""))


class Signed(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[AnonymousUser, None]:
        if not is_signed(request._request):
            raise AuthenticationFailed("wrong signature")
        return AnonymousUser(), None

    def authenticate_header(self, request: Request) -> str:
        return "HMAC"


class SessionSerializer(serializers.Serializer):
    session_id = serializers.CharField(max_length=255)
    workspace_id = serializers.IntegerField()
    phone_number = serializers.CharField(max_length=15, allow_blank=True)
    status = serializers.ChoiceField(choices=["connected", "disconnected"])
    reason = serializers.CharField(max_length=40, allow_blank=True)
    device = serializers.CharField(max_length=500)


class WebhookSerializer(serializers.Serializer):
    id = serializers.CharField(max_length=255)
    event = serializers.CharField(max_length=100)
    data = SessionSerializer()


class TransitionSerializer(serializers.ModelSerializer):
    class Meta:
        model = Transition
        fields = ["id", "from_status", "to_status", "created_at"]


class DrfWebhook(APIView):
    authentication_classes = [Signed]
    permission_classes = [AllowAny]

    def post(self, request: Request) -> Response:
        serializer = WebhookSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        said = serializer.validated_data
        with transaction.atomic():
            event, is_new = Event.objects.get_or_create(
                event_id=said["id"],
                defaults={"type": said["event"], "payload": request.data},
            )
            if not is_new:
                return Response({"success": True, "state": "repeated"})
            data = said["data"]
            account = Account.objects.select_for_update().get(session_id=data["session_id"])
            before = account.status
            account.status, account.reason = data["status"], data["reason"]
            account.save()
            change = Transition.objects.create(
                account=account, event=event, from_status=before, to_status=account.status
            )
        return Response({"success": True, "transition": TransitionSerializer(change).data})


@csrf_exempt
@require_POST
def one_statement(request: HttpRequest) -> HttpResponse:
    if not is_signed(request):
        return JsonResponse({"success": False}, status=401)
    said = json.loads(request.body)
    values = said["data"] | {
        "event_id": said["id"],
        "type": said["event"],
        "payload": request.body.decode(),
    }
    with connection.cursor() as cursor:
        cursor.execute(ONE_STATEMENT, values)
    return JsonResponse({"success": True})
