"""Indonesian."""

from __future__ import annotations

TEXTS = {
    "title.lost": "WhatsApp Terputus",
    "title.lost.many": "WhatsApp Terputus: {count} nomor",
    "title.back": "WhatsApp Tersambung Kembali",
    "title.back.many": "WhatsApp Tersambung Kembali: {count} nomor",
    "title.reminder": "WhatsApp masih terputus",
    "title.test": "Notifikasi uji coba",
    "title.digest": "{count} notifikasi tentang nomor WhatsApp",
    "action.lost": "Sambungkan Sekarang",
    "action.back": "Lihat",
    "label.what": "Apa yang terjadi",
    "label.since": "Sejak",
    "label.why": "Penyebab",
    "label.means": "Pesan",
    "label.next": "Langkah berikutnya",
    "label.do": "Yang perlu dilakukan",
    "label.numbers": "Nomor",
    "label.customers": "Pelanggan",
    "message.lost": "Sesi WhatsApp Anda terputus. {do}",
    "message.back": "Sesi WhatsApp Anda tersambung kembali.",
    "what.one": "{number} terputus.",
    "what.many": "{count} nomor terputus.",
    "what.more": "Sekarang {count} nomor terputus: jumlahnya bertambah.",
    "what.again": "{number} terputus lagi: sambungannya putus-nyambung.",
    "what.still": "{open} dari {count} nomor masih terputus.",
    "what.back.one": "{number} tersambung kembali.",
    "what.back.many": "Semua {count} nomor tersambung kembali.",
    "what.over": "Sudah selesai: berlangsung {lasted}.",
    "since": "{at}, selama {age}",
    "back.lasted": "Terputus sejak {at} selama {lasted}.",
    "more": "dan {count} lainnya",
    "why.unlinked": "Perangkat tertaut dilepas di ponsel atau oleh WhatsApp.",
    "why.passkey": "WhatsApp meminta kunci sandi (passkey) nomor ini.",
    "why.wrong_number": "Nomor yang memindai bukan nomor akun ini.",
    "why.replaced": "Program lain mengambil alih nomor ini.",
    "why.qr_expired": "Kode QR tidak dipindai tepat waktu.",
    "why.banned": "WhatsApp memblokir nomor ini karena melanggar ketentuannya.",
    "why.temporary_ban": "WhatsApp memblokir nomor ini untuk sementara.",
    "why.refused": "WhatsApp menolak login nomor ini.",
    "why.ours": "WhatsApp menolak sambungan dari server kami.",
    "why.gave_up": "Sudah dimulai ulang beberapa kali dan selalu terputus lagi.",
    "why.lost": "Sambungan ke WhatsApp terputus.",
    "why.many": "Ada {kinds} penyebab berbeda: lihat halaman setiap nomor.",
    "means.lost": (
        "Tidak ada pesan yang terkirim atau diterima lewat nomor ini sampai tersambung kembali. "
        "Pesan yang masuk sementara itu tetap ada di ponsel, atau tiba kemudian."
    ),
    "means.back": "Pesan berjalan lagi. Periksa pesan yang seharusnya terkirim sementara itu.",
    "next.human": "Nomor ini tidak tersambung kembali dengan sendirinya.",
    "next.itself": "Sedang disambungkan kembali secara otomatis. Jika berhasil, Anda diberi tahu.",
    "next.observe": "Di sini tidak disambungkan kembali secara otomatis.",
    "next.again": "Anda diberi tahu setelah tersambung stabil selama 15 menit.",
    "do.scan": "Silakan pindai kode QR untuk menyambungkan kembali.",
    "do.passkey": "Silakan konfirmasi kunci sandi di ponsel nomor ini.",
    "do.wrong_number": "Silakan pindai kode QR dengan ponsel nomor akun ini.",
    "do.replaced": "Silakan hentikan program lain yang memakai nomor ini, lalu sambungkan kembali.",
    "do.banned": (
        "Jangan sambungkan kembali. Silakan buka WhatsApp di ponsel dan ikuti petunjuknya."
    ),
    "do.temporary_ban": (
        "Jangan sambungkan dulu. Ponsel menampilkan lamanya; sambungkan kembali setelah itu."
    ),
    "do.refused": (
        "Silakan buka WhatsApp di ponsel. Jika diblokir, ikuti petunjuknya; jika tidak, pindai "
        "kode QR."
    ),
    "do.ours": "Silakan hubungi operator Anda: server yang harus diperbaiki, bukan ponsel.",
    "do.restart": "Silakan mulai ulang sesi; jika gagal, pindai kode QR.",
    "do.wait": "Silakan sambungkan kembali jika belum pulih dalam 10 menit.",
    "do.many": "Silakan buka daftar dan sambungkan setiap nomor.",
    "do.back": "Tidak ada.",
    "test": "Ini uji coba. Jika Anda membacanya, notifikasi akan sampai di sini.",
    "unsubscribe": "Jangan kirim notifikasi ini lagi",
    "unsubscribe.ask": "Apakah Anda tidak ingin menerima notifikasi lewat e-mail lagi?",
    "unsubscribe.done": (
        "Anda tidak akan menerima notifikasi lewat e-mail lagi. Di aplikasi tetap ada."
    ),
    "unsubscribe.bad": "Tautan ini tidak berlaku. Salin seluruhnya dari notifikasi terbaru.",
    "state.critical": "Perlu tindakan",
    "state.warning": "Sedang dipulihkan otomatis",
    "state.back": "Tersambung kembali",
    "time": "{at:%H.%M}",
    "date": "{day} {month}",
    "months": "Jan Feb Mar Apr Mei Jun Jul Agu Sep Okt Nov Des",
    "age.s": "{n} detik",
    "age.min": "{n} menit",
    "age.h": "{n} jam",
    "age.d": "{n} hari",
}
