# Installs msforge from this folder, without a network, with Windows PowerShell 5 or newer:
#   powershell -ExecutionPolicy Bypass -File install.ps1 [-Folder FOLDER]
# FOLDER (default: msforge-workshop in your home folder) gets the environment, the examples and the documentation.
param([string]$Folder = (Join-Path $HOME "msforge-workshop"))

$here = $PSScriptRoot
$versions = @@(@{quoted_pythons})
$code = 'import sys; print(str(sys.version_info[0]) + chr(46) + str(sys.version_info[1]))'

function Get-PythonVersion([string[]]$Command) {
    if (-not (Get-Command $Command[0] -ErrorAction SilentlyContinue)) { return "" }
    $rest = @@($Command | Select-Object -Skip 1)
    try { $said = & $Command[0] @@rest -c $code 2>$null } catch { return "" }
    if ($LASTEXITCODE -ne 0 -or -not $said) { return "" }
    return "$said".Trim()
}

$python = $null
foreach ($version in $versions) {
    $candidates = @@(, @@("py", "-$version")) + @@(, @@("python")) + @@(, @@("python3"))
    if ($env:MSFORGE_PYTHON) { $candidates = @@(, @@($env:MSFORGE_PYTHON)) + $candidates }
    foreach ($candidate in $candidates) {
        if ((Get-PythonVersion $candidate) -eq $version) { $python = $candidate; break }
    }
    if ($python) { break }
}
if (-not $python) {
    Write-Host "install: this bundle is for Python @{either}, and none was found."
    Write-Host "If it is installed somewhere else, name it first: `$env:MSFORGE_PYTHON = 'C:\path\to\python.exe'"
    exit 1
}

New-Item -ItemType Directory -Force -Path $Folder | Out-Null
$Folder = (Resolve-Path -LiteralPath $Folder).ProviderPath
Write-Host "Installing into $Folder with Python $version ..."
$venv = Join-Path $Folder ".venv"
$rest = @@($python | Select-Object -Skip 1)
& $python[0] @@rest -m venv --without-pip --clear $venv
if ($LASTEXITCODE -ne 0) { Write-Host "install: the environment could not be made"; exit 1 }

$own = Join-Path $venv "Scripts\python.exe"
$wheels = Join-Path $here "wheels"
$pip = (Get-ChildItem -LiteralPath $wheels -Filter "pip-*.whl" | Select-Object -First 1).FullName
& $own (Join-Path $pip "pip") --isolated --disable-pip-version-check install --quiet --no-index --find-links $wheels pip "@{package}"
if ($LASTEXITCODE -ne 0) { Write-Host "install: pip could not install msforge"; exit 1 }

foreach ($part in @@("examples", "docs", "labs")) {
    $from = Join-Path $here $part
    $to = Join-Path $Folder $part
    if ((Test-Path -LiteralPath $from) -and -not (Test-Path -LiteralPath $to)) {
        Copy-Item -LiteralPath $from -Destination $to -Recurse
    }
}
$starter = "@@`"%~dp0.venv\Scripts\python.exe`" -m msforge %*"
Set-Content -LiteralPath (Join-Path $Folder "msforge.cmd") -Value $starter -Encoding Ascii

& $own -m msforge --version
if ($LASTEXITCODE -ne 0) { Write-Host "install: msforge does not start"; exit 1 }
Write-Host "Done. Now:"
Write-Host "  cd '$Folder'"
Write-Host "  .\msforge doctor"
